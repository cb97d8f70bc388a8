// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {ICommitteeMembers} from "../interfaces/ICommitteeMembers.sol";
import {ITournament} from "../interfaces/ITournament.sol";
import {IMemberSetSender} from "./interfaces/IMemberSetSender.sol";
import {ConsensusDocument} from "./lib/ConsensusDocument.sol";

/// @title MemberSetSender
/// @notice See IMemberSetSender.
contract MemberSetSender is IMemberSetSender {
    /// @inheritdoc IMemberSetSender
    ITournament public immutable tournament;

    /// @inheritdoc IMemberSetSender
    ICommitteeMembers public immutable committee;

    /// @inheritdoc IMemberSetSender
    IERC7786GatewaySource public immutable gateway;

    /// @inheritdoc IMemberSetSender
    bytes public verifier;

    constructor(ITournament tournament_, IERC7786GatewaySource gateway_, bytes memory verifier_) {
        tournament = tournament_;
        committee = ICommitteeMembers(address(tournament_.committee()));
        gateway = gateway_;
        verifier = verifier_;
    }

    /// @inheritdoc IMemberSetSender
    function send(uint64 previousId, uint64 setId) external returns (bytes32 setHash) {
        uint64 current = committee.memberSetId();
        if (previousId == 0 || previousId >= setId || setId > current) revert NoSuchSets(previousId, setId, current);
        address[] memory members = ascendingMembers(setId);
        uint256 quorum = committee.quorumOf(setId);
        setHash = ConsensusDocument.setHash(members, quorum);
        (uint64 endRound, uint64 first) = (firstRound(previousId + 1), firstRound(setId));
        emit MemberSetSent(setId, setHash, first);
        bytes memory message = abi.encode(previousId, endRound, setId, first, members, quorum);
        gateway.sendMessage(verifier, message, new bytes[](0));
    }

    /// @inheritdoc IMemberSetSender
    function firstRound(uint64 setId) public view returns (uint64) {
        // Rounds are opened in the order of their numbers, each under the set of its time, whose numbers only grow.
        uint256 low = 1;
        uint256 high = tournament.roundCount() + 1;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            (,,, uint64 found) = tournament.reportingOf(middle);
            if (found < setId) low = middle + 1;
            else high = middle;
        }
        return uint64(low);
    }

    /// @inheritdoc IMemberSetSender
    function ascendingMembers(uint64 setId) public view returns (address[] memory members) {
        members = committee.membersOf(setId);
        // A committee has 64 members at most.
        for (uint256 i = 1; i < members.length; ++i) {
            for (uint256 j = i; j != 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
    }
}

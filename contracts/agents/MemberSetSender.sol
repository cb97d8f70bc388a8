// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC7786GatewaySource} from "@openzeppelin/contracts/interfaces/draft-IERC7786.sol";
import {ICommitteeMembers} from "../interfaces/ICommitteeMembers.sol";
import {IMemberSetSender} from "./interfaces/IMemberSetSender.sol";
import {ConsensusDocument} from "./lib/ConsensusDocument.sol";

/// @title MemberSetSender
/// @notice See IMemberSetSender.
contract MemberSetSender is IMemberSetSender {
    /// @inheritdoc IMemberSetSender
    ICommitteeMembers public immutable committee;

    /// @inheritdoc IMemberSetSender
    IERC7786GatewaySource public immutable gateway;

    /// @inheritdoc IMemberSetSender
    bytes public verifier;

    constructor(ICommitteeMembers committee_, IERC7786GatewaySource gateway_, bytes memory verifier_) {
        committee = committee_;
        gateway = gateway_;
        verifier = verifier_;
    }

    /// @inheritdoc IMemberSetSender
    function send() external returns (bytes32 setHash) {
        address[] memory members = ascendingMembers();
        uint256 quorum = committee.quorum();
        uint64 setId = committee.memberSetId();
        setHash = ConsensusDocument.setHash(members, quorum);
        emit MemberSetSent(setId, setHash);
        gateway.sendMessage(verifier, abi.encode(setId, members, quorum), new bytes[](0));
    }

    /// @inheritdoc IMemberSetSender
    function ascendingMembers() public view returns (address[] memory members) {
        members = committee.members();
        // A committee has 64 members at most.
        for (uint256 i = 1; i < members.length; ++i) {
            for (uint256 j = i; j != 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
    }
}

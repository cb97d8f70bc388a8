// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Report} from "../../contracts/interfaces/Report.sol";

/// @notice Pretends to be a tournament, its committee, its court and its registry at once, and says what its owner wants.
contract PretendTournament {
    bytes32 public reportHash;
    uint256 public unit = 1;
    address public owner = msg.sender;
    uint256 public modelId = 1;
    uint256 public posted = 1;
    uint256 public finalAt = type(uint256).max;
    ITournament.Round private _round;

    function say(bytes32 reportHash_, uint256 unit_, ITournament.Round calldata round_) external {
        reportHash = reportHash_;
        unit = unit_;
        _round = round_;
    }

    function sayWhen(uint256 posted_, uint256 finalAt_) external {
        posted = posted_;
        finalAt = finalAt_;
    }

    function committee() external view returns (address) {
        return address(this);
    }

    function court() external view returns (address) {
        return address(this);
    }

    function registry() external view returns (address) {
        return address(this);
    }

    function ownerOf(uint256) external view returns (address) {
        return owner;
    }

    function modelAt(uint256) external view returns (uint256) {
        return modelId;
    }

    function challengeWindow() external pure returns (uint64) {
        return 3 days;
    }

    function evidenceSince(address, uint256, bytes32) external view returns (uint256) {
        return posted;
    }

    function finalFrom(address, uint256, bytes32) external view returns (uint256) {
        return finalAt;
    }

    function hashReport(address, Report calldata) external view returns (bytes32) {
        return reportHash;
    }

    function round(uint256) external view returns (ITournament.Round memory) {
        return _round;
    }

    function proposalOf(address, uint256) external view returns (IOracleCommittee.Proposal memory proposal) {
        proposal.reportHash = reportHash;
        proposal.challengeUntil = uint64(block.timestamp + 3 days);
        proposal.status = IOracleCommittee.ProposalStatus.Accepted;
    }
}

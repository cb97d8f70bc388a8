// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorCrosschain} from "@openzeppelin/contracts/governance/extensions/GovernorCrosschain.sol";
import {GovernorProposalGuardian} from "@openzeppelin/contracts/governance/extensions/GovernorProposalGuardian.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockAccess} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockAccess.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {INumeraireGovernor} from "./interfaces/INumeraireGovernor.sol";

/// @title NumeraireGovernor
/// @notice See INumeraireGovernor; OpenZeppelin's parts put together.
contract NumeraireGovernor is
    INumeraireGovernor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotesQuorumFraction,
    GovernorTimelockAccess,
    GovernorProposalGuardian,
    GovernorCrosschain
{
    /// @inheritdoc INumeraireGovernor
    uint48 public constant MIN_VOTING_DELAY = 1 days;

    /// @inheritdoc INumeraireGovernor
    uint256 public immutable quorumFloor;

    constructor(IVotes votes, address authority, Terms memory terms)
        Governor("Cupel")
        GovernorSettings(terms.votingDelay, terms.votingPeriod, terms.proposalThreshold)
        GovernorVotes(votes)
        GovernorVotesQuorumFraction(terms.quorumPercent)
        GovernorTimelockAccess(authority, terms.baseDelay)
    {
        if (terms.quorumFloor == 0) revert NoQuorumFloor();
        quorumFloor = terms.quorumFloor;
        _setProposalGuardian(terms.guardian);
    }

    /// @notice What must take part in a vote, wei: a share of what is wrapped, and never less than the floor.
    function quorum(uint256 timepoint) public view override(Governor, GovernorVotesQuorumFraction) returns (uint256) {
        return Math.max(quorumFloor, super.quorum(timepoint));
    }

    /// @notice See `GovernorTimelockAccess.propose`.
    /// @dev Reverts if the guardian calls (`GuardianCannotPropose`).
    function propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description
    ) public override(Governor, GovernorTimelockAccess) returns (uint256) {
        if (_msgSender() == proposalGuardian()) revert GuardianCannotPropose(_msgSender());
        return super.propose(targets, values, calldatas, description);
    }

    /// @inheritdoc GovernorSettings
    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    /// @inheritdoc GovernorTimelockAccess
    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockAccess)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    /// @dev No vote can shorten the notice either.
    function _setVotingDelay(uint48 votingDelay) internal override {
        if (votingDelay < MIN_VOTING_DELAY) revert VotingDelayTooShort(votingDelay, MIN_VOTING_DELAY);
        super._setVotingDelay(votingDelay);
    }

    function _validateCancel(uint256 proposalId, address caller)
        internal
        view
        override(Governor, GovernorProposalGuardian)
        returns (bool)
    {
        return super._validateCancel(proposalId, caller);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockAccess) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockAccess) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockAccess) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }
}

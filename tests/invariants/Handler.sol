// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IOracleCommittee} from "../../contracts/interfaces/IOracleCommittee.sol";
import {IStakeLedger} from "../../contracts/interfaces/IStakeLedger.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";
import {Reference} from "./Reference.sol";
import {Administration} from "./handlers/Administration.sol";
import {Anybody} from "./handlers/Anybody.sol";
import {Operator} from "./handlers/Operator.sol";
import {Oracles} from "./handlers/Oracles.sol";
import {Seals} from "./handlers/Seals.sol";
import {Stakers} from "./handlers/Stakers.sol";
import {vm} from "./Vm.sol";

/// @title Handler
/// @notice Everybody at once. Each public function tries one call of one external function and says beforehand, to the
/// error's selector, how it must end; the views below say what has become of the stakes.
contract Handler is Stakers, Operator, Seals, Oracles, Anybody, Administration {
    /// @dev Enough to begin with: nine models in three slots, the last of them not full, and bonds for every candidate.
    constructor() {
        for (uint256 i; i < 9; ++i) {
            register(i);
            deposit(1 + (i << 5), 31 + ((50 + 40 * i) * NANO << 5), i);
            setAllocation(1 + (i << 5), 6 + 16 * (i * 50_000), 1);
        }
        for (uint256 i; i < CANDIDATES; ++i) {
            postBond(i, 1 + i, 199 * NMR + 1);
        }
        fundPool(31 + ((30 * NANO) << 5), 0);
    }

    /* WHAT MUST HOLD, each a list of pairs that must be equal, or counts that must be zero */

    function owedAndHeld() external view returns (uint256 owed, uint256 held) {
        owed = (_pool + _reserved + _burnable + _idleInAll() + _openInAll()) * UNIT + _surplus;
        held = token.balanceOf(address(tournament));
    }

    function owedAndBooked() external view returns (uint256 owed, uint256 booked) {
        owed = uint256(tournament.pool()) + tournament.reserved() + tournament.burnable();
        owed += _idleInAll() + _openInAll();
        booked = tournament.liabilities();
    }

    function roundCount() external view returns (uint256) {
        return _roundCount;
    }

    function book(uint256 roundId) external view returns (Book memory) {
        return _books[roundId];
    }

    function capBreaches() external view returns (uint256) {
        return _capBreaches;
    }

    /// @notice Lanes whose idle stake is not what its own history of deposits, scores and frozen terms says, or whose
    /// allocation is not what its owner set last.
    function strayLanes() external view returns (uint256 count) {
        uint256[] memory words = tournament.slots(0, type(uint256).max);
        for (uint256 i; i < _stakes.length; ++i) {
            if (Reference.stakeAt(words[i / 4], i % 4) != _stakes[i].idle) ++count;
            if (Reference.allocationOf(Reference.codeAt(words[i / 4], i % 4)) != _stakes[i].allocation) ++count;
        }
        for (uint256 i = _stakes.length; i < 4 * words.length; ++i) {
            if (Reference.lane(words[i / 4], i % 4) != 0) ++count;
        }
    }

    /// @notice Everybody withdraws everything. Reverts if anybody cannot.
    function withdrawAll() external {
        for (uint256 i; i < _stakes.length; ++i) {
            uint256 modelId = _stakes[i].modelId;
            uint256 idle = tournament.idleOf(modelId);
            if (idle == 0) continue;
            address owner = registry.ownerOf(modelId);
            bytes memory call = abi.encodeCall(IStakeLedger.withdraw, (modelId, idle * UNIT, owner));
            _mustSucceed(owner, address(tournament), call);
        }
    }

    function idleInAll() external view returns (uint256) {
        return _idleInAll();
    }

    function supply() external view returns (uint256 total, uint256 minted, uint256 expectedMinted, uint256 destroyed) {
        return (token.totalSupply(), token.minted(), _minted, _destroyed);
    }

    function committeeOwesAndHolds() external view returns (uint256 owed, uint256 held) {
        return (_committeeOwes(), token.balanceOf(address(committee)));
    }

    /// @notice Reverts unless every candidate has as many votes open as there are rounds that hold the bond.
    function checkOpenVotes() external view {
        for (uint256 i; i < CANDIDATES; ++i) {
            uint256 held;
            for (uint256 j = 1; j <= _roundCount; ++j) {
                address[] storage set = _sets[_books[j].setId];
                uint64 open = committee.proposalOf(address(tournament), j).openVotes;
                for (uint256 k; k < set.length; ++k) {
                    if (set[k] == _candidate(i) && open & uint64(1 << k) != 0) ++held;
                }
            }
            uint256 found = committee.openVotesOf(_candidate(i));
            if (found != held) revert OtherOpenVotes(_candidate(i), held, found);
        }
    }

    function tokenAndTournament() external view returns (address, address) {
        return (address(token), address(tournament));
    }

    function positionsHead(uint256 roundId) external view returns (bytes32) {
        return _head(_books[roundId]);
    }

    /* INTERNAL */

    function _idleInAll() private view returns (uint256 total) {
        uint256[] memory words = tournament.slots(0, type(uint256).max);
        for (uint256 i; i < 4 * words.length; ++i) {
            total += Reference.stakeAt(words[i / 4], i % 4);
        }
    }

    function _openInAll() private view returns (uint256 total) {
        for (uint256 i = 1; i <= _roundCount; ++i) {
            total += _openPositions(_books[i]);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {ITournament} from "../../contracts/interfaces/ITournament.sol";

/// @title Crowd
/// @notice The owner of any number of models, who enters hundreds of them in one transaction. Nothing it does is measured.
contract Crowd {
    IModelRegistry private immutable _registry;
    ITournament private immutable _tournament;

    constructor(ITournament tournament) {
        _registry = tournament.registry();
        _tournament = tournament;
        tournament.token().approve(address(tournament), type(uint256).max);
    }

    /// @param stakes nano-NMR, one a model.
    /// @param allocations as `setAllocation` takes them.
    function enter(uint64[] calldata stakes, uint64[] calldata allocations) external {
        for (uint256 i; i < stakes.length; ++i) {
            uint256 model = _registry.register(address(this));
            _tournament.deposit(model, uint256(stakes[i]) * 1e9);
            _tournament.setAllocation(model, allocations[i]);
        }
    }

    function allocate(uint256 fromModel, uint64[] calldata allocations) external {
        for (uint256 i; i < allocations.length; ++i) {
            _tournament.setAllocation(fromModel + i, allocations[i]);
        }
    }
}

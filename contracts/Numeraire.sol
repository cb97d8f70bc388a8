// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit, IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IERC20Burnable} from "./interfaces/IERC20Burnable.sol";
import {INumeraire} from "./interfaces/INumeraire.sol";

/// @title Numeraire
/// @notice See INumeraire.
contract Numeraire is ERC20, ERC20Burnable, ERC20Permit, INumeraire, AccessManaged {
    /// @inheritdoc INumeraire
    uint256 public constant CAP = 11_000_000e18;

    /// @inheritdoc INumeraire
    /// @dev 5,000,000 a year of 52 weeks, as the NMR of 2017.
    uint256 public constant WEEKLY_DISBURSEMENT = uint256(5_000_000e18) / 52;

    /// @notice When the weekly disbursement began, seconds.
    uint256 public immutable deployedAt;

    /// @notice What was minted at deployment, wei.
    uint256 public immutable initialSupply;

    /// @inheritdoc INumeraire
    uint256 public minted;

    /// @param authority the AccessManager that says who may mint.
    /// @param treasury receives the initial supply.
    /// @param initialSupply_ wei, at most CAP.
    constructor(address authority, address treasury, uint256 initialSupply_)
        ERC20("Numeraire", "NMR")
        ERC20Permit("Numeraire")
        AccessManaged(authority)
    {
        if (initialSupply_ > CAP) revert MintExceedsSchedule(initialSupply_, CAP);
        deployedAt = block.timestamp;
        initialSupply = initialSupply_;
        if (initialSupply_ != 0) _mintCounted(treasury, initialSupply_);
    }

    /// @inheritdoc INumeraire
    function mint(address to, uint256 amount) external restricted {
        uint256 room = mintable();
        if (amount > room) revert MintExceedsSchedule(amount, room);
        _mintCounted(to, amount);
    }

    /// @inheritdoc INumeraire
    function mintable() public view returns (uint256) {
        uint256 accrued = (WEEKLY_DISBURSEMENT * (block.timestamp - deployedAt)) / 1 weeks;
        return Math.min(CAP, initialSupply + accrued) - minted;
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc ERC20Burnable
    function burn(uint256 amount) public override(ERC20Burnable, IERC20Burnable) {
        super.burn(amount);
    }

    /// @inheritdoc ERC20Burnable
    function burnFrom(address from, uint256 amount) public override(ERC20Burnable, INumeraire) {
        super.burnFrom(from, amount);
    }

    function _mintCounted(address to, uint256 amount) private {
        minted += amount;
        _mint(to, amount);
        emit Minted(to, amount, minted);
    }
}

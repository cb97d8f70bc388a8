// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {House} from "./House.sol";
import {vm} from "./Vm.sol";

struct Permit {
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @title PermitSigner
/// @notice EIP-2612 permits by the one account that never approves.
abstract contract PermitSigner is House {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function _permit(uint256 value) internal view returns (Permit memory permit) {
        permit.value = value;
        permit.deadline = type(uint256).max;
        bytes32 structHash =
            keccak256(abi.encode(PERMIT_TYPEHASH, signer, tournament, value, token.nonces(signer), permit.deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash));
        (permit.v, permit.r, permit.s) = vm.sign(SIGNER_KEY, digest);
    }

    /// @dev Sends the permit before its owner does.
    function _spend(Permit memory permit) internal {
        IERC20Permit(address(token))
            .permit(signer, address(tournament), permit.value, permit.deadline, permit.v, permit.r, permit.s);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Arithmetic
/// @notice Facts about products and quotients, each a statement that is true of all its arguments.
/// No solver multiplies and divides unknown numbers of 64 bits in reasonable time, so the prover takes MUL and DIV for
/// functions it knows nothing of. What a proof needs to know of them it requires, in these words, of the numbers at hand;
/// ArithmeticProof proves the same words, each from those above it. The first is what DIV is by definition.
library Arithmetic {
    /// @notice A quotient is rounded down: quotient * divisor <= dividend < (quotient + 1) * divisor.
    function divisionRoundsDown(uint256 dividend, uint256 divisor) internal pure returns (bool) {
        unchecked {
            uint256 product = _quotient(dividend, divisor) * divisor;
            return _or(divisor == 0, both(product <= dividend, dividend - product < divisor));
        }
    }

    function productsCommute(uint256 x, uint256 y) internal pure returns (bool) {
        unchecked {
            return x * y == y * x;
        }
    }

    function productsDistribute(uint256 x, uint256 y, uint256 factor) internal pure returns (bool) {
        unchecked {
            return (x + y) * factor == x * factor + y * factor;
        }
    }

    /// @notice A product has at most as many bits as its factors together.
    function productsFit(uint128 x, uint64 y) internal pure returns (bool) {
        unchecked {
            uint256 product = uint256(x) * y;
            return both(product < 1 << 192, _or(x >= 1 << 64, product < 1 << 128));
        }
    }

    function equalFactorsHaveEqualProducts(uint256 x, uint256 y, uint256 factor) internal pure returns (bool) {
        unchecked {
            return _or(y != factor, x * y == x * factor);
        }
    }

    /// @notice A larger number has a product that is larger by the factor at least.
    function productsAscend(uint128 smaller, uint128 larger, uint64 factor) internal pure returns (bool) {
        unchecked {
            return _or(smaller >= larger, uint256(smaller) * factor + factor <= uint256(larger) * factor);
        }
    }

    /// @notice A share of an amount is at most the amount.
    function sharesAreSmaller(uint64 amount, uint64 numerator, uint64 denominator) internal pure returns (bool) {
        unchecked {
            uint256 share = _quotient(uint256(amount) * numerator, denominator);
            return _or(denominator == 0, _or(numerator > denominator, share <= amount));
        }
    }

    /// @notice Up to twice the amount is at most twice the amount.
    function sharesOfTwiceAreSmaller(uint64 amount, uint64 numerator, uint64 denominator) internal pure returns (bool) {
        unchecked {
            uint256 share = _quotient(uint256(amount) * numerator, denominator);
            bool larger = numerator > 2 * uint256(denominator);
            return _or(denominator == 0, _or(larger, share <= 2 * uint256(amount)));
        }
    }

    /// @notice To divide by a factor undoes the product.
    function divisionUndoesProducts(uint64 x, uint64 y) internal pure returns (bool) {
        unchecked {
            return _or(x == 0, _quotient(uint256(x) * y, x) == y);
        }
    }

    /* Without a branch: the prover would follow every one. */

    /// @dev Zero where the divisor is zero.
    function _quotient(uint256 dividend, uint256 divisor) private pure returns (uint256 quotient) {
        assembly ("memory-safe") {
            quotient := div(dividend, divisor)
        }
    }

    function _or(bool left, bool right) private pure returns (bool either) {
        assembly ("memory-safe") {
            either := or(left, right)
        }
    }

    function both(bool left, bool right) internal pure returns (bool hold) {
        assembly ("memory-safe") {
            hold := and(left, right)
        }
    }
}

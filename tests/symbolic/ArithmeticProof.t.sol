// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Arithmetic} from "./Arithmetic.sol";

/// @title ArithmeticProof
/// @notice Arithmetic's facts hold for all arguments. Each is proved from those above it, all of them from the first. That
/// one says what the EVM's DIV means, and no solver proves it of numbers this wide: it is taken for granted, and tried on
/// random numbers.
contract ArithmeticProof {
    function testFuzz_division_rounds_down(uint256 dividend, uint256 divisor, uint8 shift) external pure {
        assert(Arithmetic.divisionRoundsDown(dividend, divisor));
        assert(Arithmetic.divisionRoundsDown(dividend, divisor >> shift)); // numbers as long as each other say little
        assert(Arithmetic.divisionRoundsDown(dividend >> shift, 1e6));
    }

    function check_products_commute(uint256 x, uint256 y) external pure {
        assert(Arithmetic.productsCommute(x, y));
    }

    function check_products_distribute(uint256 x, uint256 y, uint256 factor) external pure {
        assert(Arithmetic.productsDistribute(x, y, factor));
    }

    function check_products_fit(uint128 x, uint64 y) external pure {
        assert(Arithmetic.productsFit(x, y));
    }

    function check_equal_factors_have_equal_products(uint256 x, uint256 y, uint256 factor) external pure {
        assert(Arithmetic.equalFactorsHaveEqualProducts(x, y, factor));
    }

    /// @dev The prover multiplies by a number that it knows: to it, that is another product.
    function check_equal_factors_have_equal_products_where_one_is_known(uint256 x, uint256 y) external pure {
        assert(Arithmetic.equalFactorsHaveEqualProducts(x, y, 0));
        for (uint256 e; e < 9; ++e) {
            if (y == 10 ** e) assert(Arithmetic.equalFactorsHaveEqualProducts(x, y, 10 ** e));
        }
    }

    function check_products_ascend(uint128 smaller, uint128 larger, uint64 factor) external pure {
        if (smaller < larger) {
            uint128 excess = larger - smaller - 1;
            require(Arithmetic.productsFit(smaller, factor));
            require(Arithmetic.productsFit(excess, factor));
            require(Arithmetic.productsDistribute(smaller, uint256(excess) + 1, factor));
            require(Arithmetic.productsDistribute(excess, 1, factor));
        }
        assert(Arithmetic.productsAscend(smaller, larger, factor));
    }

    function check_a_share_is_at_most_the_amount(uint64 amount, uint64 numerator, uint64 denominator) external pure {
        require(denominator != 0);
        unchecked {
            uint256 product = uint256(amount) * numerator;
            require(Arithmetic.productsFit(amount, numerator));
            require(Arithmetic.productsFit(amount, denominator));
            require(Arithmetic.productsAscend(numerator, denominator, amount));
            require(Arithmetic.productsCommute(amount, numerator));
            require(Arithmetic.productsCommute(amount, denominator));
            require(Arithmetic.divisionRoundsDown(product, denominator));
            require(Arithmetic.productsAscend(amount, uint128(product / denominator), denominator));
        }
        assert(Arithmetic.sharesAreSmaller(amount, numerator, denominator));
    }

    function check_up_to_twice_an_amount_is_at_most_twice_the_amount(
        uint64 amount,
        uint64 numerator,
        uint64 denominator
    ) external pure {
        require(denominator != 0);
        unchecked {
            uint256 product = uint256(amount) * numerator;
            uint128 twice = 2 * uint128(amount);
            require(Arithmetic.productsFit(amount, numerator));
            require(Arithmetic.productsAscend(numerator, 2 * uint128(denominator), amount));
            require(Arithmetic.productsCommute(amount, numerator));
            require(Arithmetic.productsDistribute(denominator, denominator, amount));
            require(Arithmetic.productsCommute(amount, denominator));
            require(Arithmetic.productsDistribute(amount, amount, denominator));
            require(Arithmetic.divisionRoundsDown(product, denominator));
            require(Arithmetic.productsFit(amount, denominator));
            require(Arithmetic.productsAscend(twice, uint128(product / denominator), denominator));
        }
        assert(Arithmetic.sharesOfTwiceAreSmaller(amount, numerator, denominator));
    }

    function check_division_undoes_products(uint64 x, uint64 y) external pure {
        require(x != 0);
        unchecked {
            uint256 product = uint256(x) * y;
            uint256 quotient = product / x;
            require(Arithmetic.productsFit(x, y));
            require(Arithmetic.productsCommute(x, y));
            require(Arithmetic.divisionRoundsDown(product, x));
            require(Arithmetic.productsAscend(y, uint128(quotient), x));
            require(Arithmetic.productsAscend(uint128(quotient), y, x));
        }
        assert(Arithmetic.divisionUndoesProducts(x, y));
    }
}

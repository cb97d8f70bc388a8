// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IBurnSink} from "../../contracts/interfaces/IBurnSink.sol";
import {INmr} from "../../contracts/interfaces/INmr.sol";
import {LyingNmr, RealNmr} from "../contracts/hostile/RealNmr.sol";
import {House} from "./House.sol";
import {vm} from "./Vm.sol";

/// @title BurnSinksTest
/// @notice IBurnSink.flush of both sinks: on the token that each is made for, on the other's, and on one that lies.
contract BurnSinksTest is House {
    RealNmr private nmr;
    IBurnSink private nmrSink;

    function setUp() public {
        nmr = new RealNmr(address(this), INITIAL_SUPPLY, address(0xad08));
        nmrSink = _sinkFor("NmrBurnSink", address(nmr));
    }

    /* THE TOKEN OF THIS CHAIN */

    function test_aSinkThatHoldsNothingHasNothingToBurn() public {
        vm.expectRevert(abi.encodeWithSelector(IBurnSink.NothingToBurn.selector));
        sink.flush();
    }

    function testFuzz_anybodyBurnsAllThatTheSinkHolds(uint256 amount) public {
        amount = 1 + amount % token.balanceOf(_owner(0));
        vm.prank(_owner(0));
        token.transfer(address(sink), amount);

        vm.expectEmit(address(sink));
        emit IBurnSink.Flushed(STRANGER, amount);
        vm.prank(STRANGER);
        require(sink.flush() == amount, "amount");
        require(token.balanceOf(address(sink)) == 0, "balance");
        require(token.totalSupply() == INITIAL_SUPPLY - amount, "supply");
        require(address(sink.token()) == address(token), "token");
    }

    /// @dev NMR takes `burn(uint256)`, which it does not know, for a call that worked.
    function test_aSinkForAnotherTokenDoesNotSayThatItBurned() public {
        IBurnSink other = _sinkFor("BurnSink", address(nmr));
        nmr.transfer(address(other), NMR);
        bytes4 selector = IBurnSink.NotBurned.selector;
        vm.expectRevert(abi.encodeWithSelector(selector, NMR, INITIAL_SUPPLY, INITIAL_SUPPLY));
        other.flush();
        require(nmr.balanceOf(address(other)) == NMR, "balance");
    }

    /* NMR AS IT IS ON ETHEREUM */

    function test_aSinkOfNmrThatHoldsNothingHasNothingToBurn() public {
        vm.expectRevert(abi.encodeWithSelector(IBurnSink.NothingToBurn.selector));
        nmrSink.flush();
    }

    function testFuzz_anybodyBurnsAllNmrThatTheSinkHolds(uint256 amount) public {
        amount = 1 + amount % INITIAL_SUPPLY;
        nmr.transfer(address(nmrSink), amount);

        vm.expectEmit(address(nmrSink));
        emit IBurnSink.Flushed(STRANGER, amount);
        vm.prank(STRANGER);
        require(nmrSink.flush() == amount, "amount");
        require(nmr.balanceOf(address(nmrSink)) == 0, "balance");
        require(nmr.totalSupply() == INITIAL_SUPPLY - amount, "supply");
        require(address(nmrSink.token()) == address(nmr), "token");
    }

    function testFuzz_aMintThatAnswersThatItFailedIsRefused(uint128 held, bool burns) public {
        uint256 amount = 1 + uint256(held);
        (IBurnSink lied,) = _sinkOfLiar(false, amount, burns ? amount : 0, burns ? amount : 0);
        vm.expectRevert(abi.encodeWithSelector(INmr.MintFailed.selector, amount));
        lied.flush();
    }

    /// @dev Whatever it takes of balance and supply: only all of both counts.
    function testFuzz_aMintThatDidNotBurnEverythingIsRefused(uint128 held, uint128 fromBalance, uint128 fromSupply)
        public
    {
        uint256 amount = 1 + uint256(held);
        // One time of two all of it.
        uint256 taken = fromBalance % 2 == 0 ? amount : fromBalance % amount;
        uint256 lost = fromSupply % 2 == 0 ? amount : fromSupply % amount;
        (IBurnSink lied, LyingNmr liar) = _sinkOfLiar(true, amount, taken, lost);

        if (taken != amount) {
            vm.expectRevert(abi.encodeWithSelector(INmr.StillHeld.selector, amount - taken));
        } else if (lost != amount) {
            vm.expectRevert(abi.encodeWithSelector(IBurnSink.NotBurned.selector, amount, amount, amount - lost));
        }
        bool burned = taken == amount && lost == amount;
        require(lied.flush() == (burned ? amount : 0), "amount");
        require(liar.balanceOf(address(lied)) == (burned ? 0 : amount), "balance");
        require(liar.totalSupply() == (burned ? 0 : amount), "supply");
    }

    /* INTERNAL */

    function _sinkFor(string memory name, address token_) private returns (IBurnSink) {
        return IBurnSink(_create(name, abi.encode(token_)));
    }

    /// @param amount all that there is of the token: the sink holds it.
    /// @param fromBalance, fromSupply what a burn takes of it.
    function _sinkOfLiar(bool answer, uint256 amount, uint256 fromBalance, uint256 fromSupply)
        private
        returns (IBurnSink lied, LyingNmr liar)
    {
        liar = new LyingNmr(answer, fromBalance, fromSupply);
        lied = _sinkFor("NmrBurnSink", address(liar));
        liar.give(address(lied), amount);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {HashStack} from "../../../contracts/lib/HashStack.sol";
import {PayoutMath} from "../../../contracts/lib/PayoutMath.sol";
import {AllocationCode} from "../../../contracts/lib/AllocationCode.sol";
import {StakeOverflow, StakeSlot, StakeUnderflow} from "../../../contracts/lib/StakeSlot.sol";
import {Uint64x4} from "../../../contracts/lib/Uint64x4.sol";
import {Reference} from "../Reference.sol";

/// @title LibrariesTest
/// @notice The libraries against the reference, lane by lane, on random words. Their proofs for all words are in
/// tests/symbolic; these say which lines a test runs through.
contract LibrariesTest {
    uint256 private constant BELOW_TOP = 0x7fffffffffffffff_7fffffffffffffff_7fffffffffffffff_7fffffffffffffff;

    /// @dev Lanes of at most twice the largest stake, and of stakes that can be added twice.
    uint256 private constant UP_TO_TWICE = 0x007fffffffffffff_007fffffffffffff_007fffffffffffff_007fffffffffffff;
    uint256 private constant SMALL = 0xffdfffffffffffff_ffdfffffffffffff_ffdfffffffffffff_ffdfffffffffffff;
    uint256 private constant HALF = 0x001fffffffffffff_001fffffffffffff_001fffffffffffff_001fffffffffffff;

    error Differs(uint256 lane, uint256 expected, uint256 found);

    /* POSITIONS AND OUTCOMES */

    function testFuzz_positionsAreWhatEachModelAllocates(uint256 word, uint8 part, uint64 least) public pure {
        word = _inUse(word);
        StakeSlot slot = StakeSlot.wrap(word);
        uint256 found = Uint64x4.unwrap(PayoutMath.positionsOf(slot, slot.codes().masked(_mask(part)), least >> 1));
        for (uint256 i; i < 4; ++i) {
            uint256 allocation = (part >> i) % 2 == 1 ? Reference.allocationOf(Reference.codeAt(word, i)) : 0;
            _same(i, Reference.positionOf(Reference.stakeAt(word, i), allocation, least >> 1), found);
        }
    }

    /// @dev Whatever the code: one that is not in use takes the whole stake at most.
    function testFuzz_noPositionExceedsItsStake(uint256 word, uint64 least) public pure {
        StakeSlot slot = StakeSlot.wrap(word);
        uint256 found = Uint64x4.unwrap(PayoutMath.positionsOf(slot, slot.codes(), least >> 1));
        for (uint256 i; i < 4; ++i) {
            require(Reference.lane(found, i) <= Reference.stakeAt(word, i), "position");
        }
    }

    /* ALLOCATIONS */

    function testFuzz_everyCodeStandsForAnAllocationOfItsOwn(uint256 code) public pure {
        code %= 1011;
        require(AllocationCode.decoded(code) == Reference.allocationOf(code), "decoded");
        require(AllocationCode.encoded(uint64(Reference.allocationOf(code))) == code, "encoded");
    }

    function testFuzz_whatNoCodeStandsForIsRefusedWithTheTwoNearest(uint64 allocation, uint8 size) public view {
        uint64 flag = allocation & AllocationCode.SHARE_FLAG;
        allocation = flag | ((allocation ^ flag) >> (size % 63)); // as many of each size
        (uint256 below, uint256 above) = Reference.nearestTo(allocation);
        try this.encoded(allocation) returns (uint256 code) {
            require(below == allocation && Reference.allocationOf(code) == allocation, "code");
        } catch (bytes memory reason) {
            bytes4 selector = AllocationCode.AllocationNotRepresentable.selector;
            require(below != allocation, "refused");
            require(_equal(reason, abi.encodeWithSelector(selector, allocation, below, above)), "reason");
        }
    }

    function testFuzz_outcomesAreWhatEachScoreEarns(uint256 positions, uint96 scores, uint256 factor, uint256 cap)
        public
        pure
    {
        Reference.Terms memory terms;
        terms.payoutFactor = factor % (Reference.PPM + 1);
        terms.cap = cap % (Reference.PPM + 1);
        (Uint64x4 payouts, Uint64x4 burns) =
            PayoutMath.outcomeOf(Uint64x4.wrap(positions), scores, terms.payoutFactor, terms.cap);
        bytes memory packed = abi.encodePacked(scores);
        for (uint256 i; i < 4; ++i) {
            (uint256 payout, uint256 burn) =
                Reference.outcomeOf(Reference.lane(positions, i), Reference.scoreAt(packed, i), terms);
            _same(i, payout, Uint64x4.unwrap(payouts));
            _same(i, burn, Uint64x4.unwrap(burns));
        }
    }

    function testFuzz_aShortPoolScalesEveryLane(uint256 payouts, uint64 reserved, uint64 total) public pure {
        if (total == 0) total = 1;
        Reference.Terms memory terms;
        (terms.reserved, terms.totalPayout) = (reserved % total, total);
        Uint64x4 scaled = PayoutMath.scaledDown(Uint64x4.wrap(payouts), terms.reserved, terms.totalPayout);
        for (uint256 i; i < 4; ++i) {
            _same(i, Reference.scaledPayout(Reference.lane(payouts, i), terms), Uint64x4.unwrap(scaled));
        }
    }

    function testFuzz_thePayoutFactorIsOneUpToTheThreshold(uint64 atRisk, uint64 threshold) public pure {
        _same(0, Reference.payoutFactorOf(atRisk, threshold), PayoutMath.payoutFactorDown(atRisk, threshold));
        _same(0, Reference.PPM, PayoutMath.payoutFactorDown(threshold, threshold));
    }

    function testFuzz_aShareIsRoundedDown(uint128 amount, uint128 ppm) public pure {
        require(PayoutMath.shareDown(amount, ppm) == (uint256(amount) * ppm) / Reference.PPM, "share");
    }

    /* CHUNKS */

    function testFuzz_bitsAndScoresAreReadWhereTheyLie(bytes32 bits, bytes32 more, uint256 slot) public view {
        slot %= 64;
        bytes memory bitmap = abi.encodePacked(bits);
        uint256 mask = this.maskAt(bitmap, slot);
        for (uint256 i; i < 4; ++i) {
            uint256 bit = 4 * slot + i;
            bool set = (uint8(bitmap[bit / 8]) >> (bit % 8)) % 2 == 1;
            _same(i, set ? type(uint64).max : 0, mask);
        }
        bytes memory scores = abi.encodePacked(bits, more);
        uint256 word = this.scoresAt(scores, slot % 5);
        for (uint256 i; i < 4; ++i) {
            int256 expected = Reference.scoreAt(scores, 4 * (slot % 5) + i);
            require(int24(uint24(word >> (24 * i))) == expected, "score");
        }
    }

    function testFuzz_onlyTheChunkOnTopIsTakenOff(bytes32 head, uint256 fromSlot, uint256[] calldata words)
        public
        view
    {
        bytes32 digest = keccak256(abi.encodePacked(words));
        require(HashStack.digestOf(words) == digest, "digest of memory");
        require(HashStack.digestOfCalldata(words) == digest, "digest of calldata");
        bytes32 top = HashStack.push(head, fromSlot, digest);
        require(top == Reference.push(head, fromSlot, digest), "push");
        require(this.pop(top, head, fromSlot, digest) == head, "pop");
        try this.pop(top, head, fromSlot ^ 1, digest) {
            require(false, "another chunk was taken");
        } catch (bytes memory reason) {
            bytes32 offered = Reference.push(head, fromSlot ^ 1, digest);
            require(_equal(reason, abi.encodeWithSelector(HashStack.NotTopOfStack.selector, top, offered)), "reason");
        }
    }

    /* LANES */

    function testFuzz_stakesAreAddedToAndTakenFromOrRefused(uint256 word, uint256 amounts) public view {
        amounts &= UP_TO_TWICE;
        bool over;
        bool under;
        for (uint256 i; i < 4; ++i) {
            over = over || Reference.stakeAt(word, i) + Reference.lane(amounts, i) >= Reference.STAKE;
            under = under || Reference.stakeAt(word, i) < Reference.lane(amounts, i);
        }
        try this.plus(word, amounts) returns (uint256 total) {
            require(!over, "overflow");
            for (uint256 i; i < 4; ++i) {
                _same(i, Reference.lane(word, i) + Reference.lane(amounts, i), total);
            }
        } catch (bytes memory reason) {
            require(
                over && _equal(reason, abi.encodeWithSelector(StakeOverflow.selector, word, amounts)), "overflow reason"
            );
        }
        try this.minus(word, amounts) returns (uint256 rest) {
            require(!under, "underflow");
            for (uint256 i; i < 4; ++i) {
                _same(i, Reference.lane(word, i) - Reference.lane(amounts, i), rest);
            }
        } catch (bytes memory reason) {
            require(
                under && _equal(reason, abi.encodeWithSelector(StakeUnderflow.selector, word, amounts)),
                "underflow reason"
            );
        }
    }

    /// @dev Random stakes nearly always overflow somewhere: here they never do.
    function testFuzz_smallStakesAreAddedToAndTakenFrom(uint256 word, uint256 amounts) public view {
        (word, amounts) = (word & SMALL, amounts & HALF);
        uint256 total = this.plus(word, amounts);
        require(this.minus(total, amounts) == word, "round trip");
    }

    function testFuzz_aStakeAndACodeAreReadAndReplacedAlone(uint256 word, uint256 index, uint64 value) public pure {
        index %= 4;
        (uint256 stake, uint256 code) = (value % Reference.STAKE, value / Reference.STAKE);
        StakeSlot slot = StakeSlot.wrap(word);
        uint256 staked = StakeSlot.unwrap(slot.withStake(index, stake));
        uint256 coded = StakeSlot.unwrap(slot.withCode(index, code));
        for (uint256 i; i < 4; ++i) {
            require(slot.stakeOf(i) == Reference.stakeAt(word, i), "stake");
            require(slot.codeOf(i) == Reference.codeAt(word, i), "code");
            require(Reference.lane(Uint64x4.unwrap(slot.stakes()), i) == Reference.stakeAt(word, i), "stakes");
            require(Reference.lane(Uint64x4.unwrap(slot.codes()), i) == Reference.codeAt(word, i), "codes");
            require(Reference.stakeAt(staked, i) == (i == index ? stake : Reference.stakeAt(word, i)), "with stake");
            require(Reference.codeAt(staked, i) == Reference.codeAt(word, i), "code beside the stake");
            require(Reference.codeAt(coded, i) == (i == index ? code : Reference.codeAt(word, i)), "with code");
            require(Reference.stakeAt(coded, i) == Reference.stakeAt(word, i), "stake beside the code");
        }
    }

    function testFuzz_aLaneIsReadAndReplacedAlone(uint256 word, uint256 index, uint64 value) public pure {
        index %= 4;
        Uint64x4 changed = Uint64x4.wrap(word).withLane(index, value);
        uint256 total;
        for (uint256 i; i < 4; ++i) {
            _same(i, i == index ? value : Reference.lane(word, i), Uint64x4.unwrap(changed));
            require(changed.lane(i) == Reference.lane(Uint64x4.unwrap(changed), i), "lane");
            total += changed.lane(i);
        }
        require(changed.sum() == total, "sum");
        require(changed.isZero() == (total == 0), "zero");
        require(Uint64x4.unwrap(changed.masked(word)) == Uint64x4.unwrap(changed) & word, "masked");
    }

    function testFuzz_theSmallerOfEachLaneAndWhatIsLargeEnough(uint256 left, uint256 right, uint64 least) public pure {
        (left, right, least) = (left & BELOW_TOP, right & BELOW_TOP, least >> 1);
        uint256 smaller = Uint64x4.unwrap(Uint64x4.wrap(left).min(Uint64x4.wrap(right)));
        uint256 enough = Uint64x4.unwrap(Uint64x4.wrap(left).atLeast(least));
        for (uint256 i; i < 4; ++i) {
            (uint256 a, uint256 b) = (Reference.lane(left, i), Reference.lane(right, i));
            _same(i, a < b ? a : b, smaller);
            _same(i, a < least ? 0 : a, enough);
        }
    }

    /* CALLED FROM OUTSIDE, for calldata and for reverts */

    function maskAt(bytes calldata bitmap, uint256 slot) external pure returns (uint256) {
        return PayoutMath.laneMaskAt(bitmap, slot);
    }

    function scoresAt(bytes calldata scores, uint256 slot) external pure returns (uint256) {
        return PayoutMath.scoresAt(scores, slot);
    }

    function pop(bytes32 head, bytes32 previous, uint256 fromSlot, bytes32 digest) external pure returns (bytes32) {
        return HashStack.pop(head, previous, fromSlot, digest);
    }

    function plus(uint256 word, uint256 amounts) external pure returns (uint256) {
        return StakeSlot.unwrap(StakeSlot.wrap(word).plus(Uint64x4.wrap(amounts)));
    }

    function minus(uint256 word, uint256 amounts) external pure returns (uint256) {
        return StakeSlot.unwrap(StakeSlot.wrap(word).minus(Uint64x4.wrap(amounts)));
    }

    function encoded(uint64 allocation) external pure returns (uint256) {
        return AllocationCode.encoded(allocation);
    }

    /* INTERNAL */

    /// @dev The slot with codes that are in use in every lane.
    function _inUse(uint256 word) private pure returns (uint256 slot) {
        for (uint256 i; i < 4; ++i) {
            slot |= (Reference.stakeAt(word, i) + (Reference.codeAt(word, i) % 1011) * Reference.STAKE) << (64 * i);
        }
    }

    /// @dev Full lanes wherever one of the lowest four bits is set.
    function _mask(uint256 bits) private pure returns (uint256 mask) {
        for (uint256 i; i < 4; ++i) {
            if ((bits >> i) % 2 == 1) mask |= uint256(type(uint64).max) << (64 * i);
        }
    }

    function _equal(bytes memory left, bytes memory right) private pure returns (bool) {
        return keccak256(left) == keccak256(right);
    }

    function _same(uint256 index, uint256 expected, uint256 word) private pure {
        uint256 found = Reference.lane(word, index);
        if (found != expected) revert Differs(index, expected, found);
    }
}

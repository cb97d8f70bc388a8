// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {CourtReader} from "./CourtReader.sol";
import {IDemands} from "./interfaces/IDemands.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {Report} from "./interfaces/Report.sol";
import {DrawMath} from "./lib/DrawMath.sol";
import {PayoutMath} from "./lib/PayoutMath.sol";
import {LANES} from "./lib/Uint64x4.sol";

/// @title Demands
/// @notice See IDemands. Nobody owns it, and nothing of it changes.
contract Demands is IDemands, CourtReader {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @inheritdoc IDemands
    uint256 public constant MAX_DEMANDS = 16;

    /// @inheritdoc IDemands
    uint256 public constant SEED_DELAY = 64;

    /// @inheritdoc IDemands
    uint256 public constant SEED_BLOCKS = 64;

    /// @inheritdoc IDemands
    uint256 public constant ANSWER_DIVISOR = 4;

    /// @dev Gives the hashes of the last 8,191 blocks, where a chain has it (EIP-2935).
    address private constant HISTORY = 0x0000F90827F1c53A10cB7A002335175320002935;

    /* STORAGE */

    /// @dev A lane that a draw fell on, and whose deposit is kept for it.
    struct DrawnLane {
        address payer;
        uint64 lane;
    }

    /// @inheritdoc IDemands
    IERC20 public immutable token;

    mapping(address tournament => mapping(bytes32 reportHash => Draw)) private _draws;
    mapping(address tournament => mapping(bytes32 reportHash => mapping(uint256 => DrawnLane))) private _places;

    /// @dev The last report of a round of which something was demanded.
    mapping(address tournament => mapping(uint256 roundId => bytes32 reportHash)) private _demanded;

    /* CONSTRUCTOR */

    /// @param token_ a plain ERC-20, without fees, hooks or rebasing; of all tournaments.
    constructor(IERC20 token_) {
        token = token_;
    }

    /* DRAWING */

    /// @inheritdoc IDemands
    function draw(address tournament, uint256 roundId) external {
        IOracleCommittee committee = _committeeOf(tournament);
        IOracleCommittee.Proposal memory proposal = _standing(committee, tournament, roundId);
        Draw storage d = _draws[tournament][proposal.reportHash];
        if (d.isDrawn) revert AlreadyDrawn(proposal.reportHash);
        if (d.fromBlock == 0) _begin(d, committee, tournament, roundId, proposal);
        _requireBefore(d.since + d.third);

        (bool found, uint64 seed) = d.fromBlock == 0 ? (false, 0) : _seedFrom(d.fromBlock);
        if (found) {
            d.seed = seed;
            d.isDrawn = true;
            emit Drawn(tournament, roundId, proposal.reportHash, seed);
        } else {
            d.fromBlock = uint64(block.number + SEED_DELAY + 1);
            emit DrawScheduled(tournament, roundId, proposal.reportHash, d.fromBlock);
        }
    }

    /// @inheritdoc IDemands
    function place(address tournament, Report calldata report, Terms calldata terms, Chunk[] calldata chunks) external {
        ITournament.Round memory r = ITournament(tournament).round(report.roundId);
        bytes32 reportHash = _committeeOf(tournament).hashReport(tournament, report);
        Draw storage d = _draws[tournament][reportHash];
        if (!d.isDrawn) revert NotDrawn(reportHash);
        if (d.places != 0) revert AlreadyPlaced(reportHash);
        _requireBefore(d.since + d.third);
        _requireTerms(terms, r.termsHash);
        if (terms.demands == 0 || terms.demands > MAX_DEMANDS) revert NoDemands(terms.demands);
        if (report.totalPayout == 0) revert OtherPayout(0, 0);
        _requireHeads(chunks, r.positionsHead, report.scoresHead);
        for (uint256 i; i < chunks.length; ++i) {
            _requireLength(chunks[i]);
        }

        uint256[] memory draws = DrawMath.drawsOf(d.seed, reportHash, terms.demands, report.totalPayout);
        (uint256[] memory lanes, uint256 payout) = DrawMath.lanesOf(draws, chunks, r.payoutFactor, r.cap);
        if (payout != report.totalPayout) revert OtherPayout(payout, report.totalPayout);

        uint256 deposit = terms.deposit * ITournament(tournament).unit();
        // A unit is at most 2^60 wei in a tournament of this project; in one that pretends, nobody need pay.
        d.deposit = uint128(deposit);
        d.places = uint8(lanes.length);
        for (uint256 i; i < lanes.length; ++i) {
            _places[tournament][reportHash][i].lane = uint64(lanes[i]);
        }
        emit Placed(tournament, report.roundId, reportHash, lanes, d.deposit);
    }

    /* DEMANDING */

    /// @inheritdoc IDemands
    function demand(address tournament, uint256 roundId, uint256 at) external {
        bytes32 reportHash = _standing(_committeeOf(tournament), tournament, roundId).reportHash;
        Draw memory d = _draws[tournament][reportHash];
        if (at >= d.places) revert NoPlace(at, d.places);
        if (d.demanded & _bit(at) != 0) revert AlreadyDemanded(at);
        _requireBefore(d.since + d.third);

        DrawnLane storage p = _places[tournament][reportHash][at];
        p.payer = msg.sender;
        _draws[tournament][reportHash].demanded = d.demanded | _bit(at);
        _demanded[tournament][roundId] = reportHash;
        uint256 modelId = ITournament(tournament).modelAt(p.lane);
        emit Demanded(tournament, roundId, reportHash, at, p.lane, modelId, msg.sender);
        token.safeTransferFrom(msg.sender, address(this), d.deposit);
    }

    /// @inheritdoc IDemands
    function answer(
        address tournament,
        uint256 roundId,
        uint256 at,
        Submission calldata submission,
        bytes calldata predictions,
        address to
    ) external {
        bytes32 reportHash = _standing(_committeeOf(tournament), tournament, roundId).reportHash;
        Draw storage d = _draws[tournament][reportHash];
        DrawnLane storage p = _places[tournament][reportHash][at];
        _requireOwed(p, at);
        _requireBefore(d.since + 2 * d.third);
        ITournament.Round memory r = ITournament(tournament).round(roundId);
        _requireModel(submission, ITournament(tournament).modelAt(p.lane));
        _requireCounting(submission, predictions, r.universe, r.submissionsRoot);

        d.answered |= _bit(at);
        p.payer = address(0);
        emit Answered(tournament, roundId, reportHash, at, submission.modelId, predictions);
        _pay(ITournament(tournament).registry().ownerOf(submission.modelId), to, d.deposit);
    }

    /// @inheritdoc IDemands
    function reclaim(address tournament, bytes32 reportHash, uint256 at) external {
        Draw memory d = _draws[tournament][reportHash];
        DrawnLane storage p = _places[tournament][reportHash][at];
        address payer = _requireOwed(p, at);
        uint256 until = d.since + 2 * d.third;
        if (block.timestamp < until && _stands(tournament, d.roundId, reportHash)) {
            revert TooEarly(block.timestamp, until);
        }

        p.payer = address(0);
        emit Reclaimed(tournament, d.roundId, reportHash, at, payer);
        token.safeTransfer(payer, d.deposit);
    }

    /* SETTLEMENT */

    /// @inheritdoc IDemands
    function heard(uint256 roundId, uint256 fromSlot, bytes calldata scores) external returns (bytes memory counted) {
        uint256[] memory lanes = silentLanes(msg.sender, roundId);
        if (lanes.length == 0) return counted;
        counted = scores;
        uint256 slots = scores.length / PayoutMath.SCORE_BYTES;
        uint256 count;
        for (uint256 i; i < lanes.length; ++i) {
            uint256 slot = lanes[i] / LANES;
            if (slot < fromSlot || slot - fromSlot >= slots) continue;
            DrawMath.silence(counted, slot - fromSlot, lanes[i] % LANES);
            lanes[count++] = lanes[i];
        }
        if (count == 0) return "";
        DrawMath.shorten(lanes, count);
        emit LanesSilenced(msg.sender, roundId, lanes);
    }

    /// @inheritdoc IDemands
    function silentLanes(address tournament, uint256 roundId) public view returns (uint256[] memory lanes) {
        bytes32 reportHash = _demanded[tournament][roundId];
        if (reportHash == 0) return lanes;
        Draw memory d = _draws[tournament][reportHash];
        uint256 silent = d.demanded & ~d.answered;
        if (silent == 0 || block.timestamp < d.since + 2 * d.third) return lanes;
        if (!_stands(tournament, roundId, reportHash)) return lanes;
        return _lanesAt(tournament, reportHash, silent);
    }

    /* VIEWS */

    /// @inheritdoc IDemands
    function drawOf(address tournament, bytes32 reportHash) external view returns (Draw memory) {
        return _draws[tournament][reportHash];
    }

    /// @inheritdoc IDemands
    function placeOf(address tournament, bytes32 reportHash, uint256 at)
        external
        view
        returns (uint256 lane, address payer)
    {
        DrawnLane memory p = _places[tournament][reportHash][at];
        return (p.lane, p.payer);
    }

    /* INTERNAL: reports */

    /// @dev The round's proposal, if its report is accepted, or in a dispute that may still uphold it.
    function _standing(IOracleCommittee committee, address tournament, uint256 roundId)
        private
        view
        returns (IOracleCommittee.Proposal memory proposal)
    {
        proposal = committee.proposalOf(tournament, roundId);
        if (!_isStanding(proposal.status)) revert NoReport(roundId);
    }

    /// @dev Whether a report is the one that stands.
    function _stands(address tournament, uint256 roundId, bytes32 reportHash) private view returns (bool) {
        IOracleCommittee.Proposal memory proposal = _committeeOf(tournament).proposalOf(tournament, roundId);
        return proposal.reportHash == reportHash && _isStanding(proposal.status);
    }

    function _isStanding(IOracleCommittee.ProposalStatus status) private pure returns (bool) {
        return status != IOracleCommittee.ProposalStatus.None && status != IOracleCommittee.ProposalStatus.Expired
            && status != IOracleCommittee.ProposalStatus.Disproven;
    }

    /// @dev Notes what a draw's times are: a challenge window from when the report was accepted, and its evidence public. It is not
    /// final before that is over, whatever a dispute does to it.
    function _begin(
        Draw storage d,
        IOracleCommittee committee,
        address tournament,
        uint256 roundId,
        IOracleCommittee.Proposal memory proposal
    ) private {
        uint256 posted = IScoreCourt(committee.court()).evidenceSince(tournament, roundId, proposal.reportHash);
        if (posted == 0 || posted == type(uint256).max) revert NoEvidence(proposal.reportHash);
        uint64 window = committee.challengeWindow();
        uint64 accepted = proposal.challengeUntil - window;
        uint64 since = posted > accepted ? uint64(posted) : accepted;
        // A committee that waits for no evidence may be done before.
        if (committee.finalFrom(tournament, roundId, proposal.reportHash) < since + window) {
            revert NoEvidence(proposal.reportHash);
        }
        d.since = since;
        d.third = window / 3;
        // Rounds are counted from 1: more than 2^64 has a tournament that pretends.
        d.roundId = uint64(roundId);
    }

    /* INTERNAL: seeds */

    /// @dev One bit of each block: whoever makes the last of them can choose between two seeds, whatever else he may put into it. Of a
    /// whole hash he could try as many as he has time for.
    /// @return found whether the chain still gives the hashes.
    function _seedFrom(uint256 fromBlock) private view returns (bool found, uint64 seed) {
        uint256 last = fromBlock + SEED_BLOCKS - 1;
        if (block.number <= last) revert SeedNotThere(block.number, last);
        for (uint256 number = fromBlock; number <= last; ++number) {
            bytes32 hash = _hashOf(number);
            if (hash == 0) return (false, 0);
            seed = (seed << 1) | (uint64(uint256(hash)) & 1);
        }
        return (true, seed);
    }

    /// @dev Of an earlier block; zero where the chain does not give it: beyond 256 blocks some do (EIP-2935).
    function _hashOf(uint256 number) private view returns (bytes32 hash) {
        hash = blockhash(number);
        if (hash != 0) return hash;
        (bool given, bytes memory found) = HISTORY.staticcall(abi.encode(number));
        if (given && found.length == 32) hash = abi.decode(found, (bytes32));
    }

    /* INTERNAL: places */

    function _lanesAt(address tournament, bytes32 reportHash, uint256 bits)
        private
        view
        returns (uint256[] memory lanes)
    {
        uint256 count;
        lanes = new uint256[](MAX_DEMANDS);
        for (uint256 at; at < MAX_DEMANDS; ++at) {
            if (bits & _bit(at) != 0) lanes[count++] = _places[tournament][reportHash][at].lane;
        }
        DrawMath.shorten(lanes, count);
    }

    function _pay(address owner, address to, uint256 deposit) private {
        uint256 part = deposit / ANSWER_DIVISOR;
        if (part != 0) token.safeTransfer(to, part);
        if (deposit != 0) token.safeTransfer(owner, deposit - part);
    }

    /// @dev Who paid is forgotten as the deposit is given: so it is given once, whatever a tournament says of its reports.
    /// @return payer of the deposit that is still held.
    function _requireOwed(DrawnLane storage p, uint256 at) private view returns (address payer) {
        payer = p.payer;
        if (payer == address(0)) revert NothingOwed(at);
    }

    function _requireBefore(uint256 until) private view {
        if (block.timestamp >= until) revert TooLate(block.timestamp, until);
    }

    /// @param at below MAX_DEMANDS.
    function _bit(uint256 at) private pure returns (uint16) {
        return uint16(1 << at);
    }
}

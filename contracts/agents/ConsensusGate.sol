// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {IConsensusGate} from "./interfaces/IConsensusGate.sol";
import {IConsensusVerifier} from "./interfaces/IConsensusVerifier.sol";
import {IGatedAccount} from "./interfaces/IGatedAccount.sol";
import {ConsensusDocument} from "./lib/ConsensusDocument.sol";

/// @title ConsensusGate
/// @notice See IConsensusGate. Nobody owns it.
contract ConsensusGate is IConsensusGate, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @notice Weights are in billionths.
    uint256 public constant WEIGHT_UNIT = 1e9;

    /// @notice `Mandate.bondRate` is for so many units of cash.
    uint256 public constant RATE_UNIT = 1e18;

    /// @param number of the UTC day since 1970.
    struct Day {
        uint64 number;
        uint32 acts;
        uint128 size;
    }

    /* STORAGE */

    /// @inheritdoc IConsensusGate
    IConsensusVerifier public immutable verifier;

    /// @inheritdoc IConsensusGate
    IERC20 public immutable token;

    /// @inheritdoc IConsensusGate
    address public immutable burnSink;

    /// @inheritdoc IConsensusGate
    uint256 public immutable leastBond;

    mapping(address account => Mandate) private _mandates;
    mapping(bytes32 document => Admitted) private _admitted;
    mapping(address account => Day) private _days;

    /// @dev The hash of each sealed act's log.
    mapping(uint256 actId => bytes32) private _records;

    /// @inheritdoc IConsensusGate
    mapping(uint256 roundId => bytes32) public documentOf;

    /// @inheritdoc IConsensusGate
    mapping(address account => mapping(bytes32 document => mapping(bytes32 asset => uint128))) public tradedOf;

    /// @inheritdoc IConsensusGate
    mapping(address agent => uint256) public bondOf;

    /// @inheritdoc IConsensusGate
    mapping(address agent => uint256) public heldOf;

    /// @inheritdoc IConsensusGate
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc IConsensusGate
    uint256 public actCount;

    /* CONSTRUCTOR */

    constructor(IConsensusVerifier verifier_, IERC20 token_, address burnSink_, uint256 leastBond_) {
        if (address(verifier_) == address(0) || burnSink_ == address(0)) revert ZeroAddress();
        if (leastBond_ == 0) revert ZeroAmount();
        verifier = verifier_;
        token = token_;
        burnSink = burnSink_;
        leastBond = leastBond_;
    }

    /* DOCUMENTS */

    /// @inheritdoc IConsensusGate
    function admit(
        ConsensusDocument.Consensus calldata c,
        address[] calldata members,
        uint256 quorum,
        uint256 signers,
        bytes calldata signatures
    ) external returns (bytes32 document) {
        document = verifier.verify(c, members, quorum, signers, signatures);
        bytes32 known = documentOf[c.roundId];
        if (known == document) revert AlreadyAdmitted(document);
        if (known != 0) revert OtherDocument(c.roundId, document, known);

        documentOf[c.roundId] = document;
        _admitted[document] = Admitted(c.root, c.roundId, c.assets, c.expiresAt);
        emit DocumentAdmitted(c.roundId, document, c.root, c.expiresAt);
    }

    /* MANDATES */

    /// @inheritdoc IConsensusGate
    function setMandate(address account, Mandate calldata mandate) external {
        address owner = IGatedAccount(account).owner();
        if (msg.sender != owner) revert NotOwner(msg.sender, owner);
        _mandates[account] = mandate;
        emit MandateSet(account, mandate);
    }

    /// @inheritdoc IConsensusGate
    function endMandate(address account) external {
        if (msg.sender != _mandates[account].agent) {
            address owner = IGatedAccount(account).owner();
            if (msg.sender != owner) revert NotOwner(msg.sender, owner);
        }
        delete _mandates[account];
        emit MandateEnded(account, msg.sender);
    }

    /* ACTING */

    /// @inheritdoc IConsensusGate
    function act(
        Order calldata order,
        ConsensusDocument.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external nonReentrant returns (uint256 actId) {
        bytes32 leafHash = ConsensusDocument.leafOf(leaf);
        Act memory log = _log(order, leafHash, index, siblings, false);
        if (leaf.asset != order.asset) revert WrongAsset(order.asset, leaf.asset);
        if (!_isSide(order.buy, leaf.weight)) revert WrongSide(order.buy, leaf.weight);
        uint256 limit = _limit(leaf.weight, log.book);
        if (log.total > limit) revert SizeAboveWeight(log.total, limit);
        actId = ++actCount;
        emit Acted(actId, log, true);
        IGatedAccount(order.account).trade(order.asset, order.buy, order.size, order.bound);
    }

    /// @inheritdoc IConsensusGate
    function actSealed(
        Order calldata order,
        bytes32 leafHash,
        uint256 index,
        bytes32[] calldata siblings,
        Expected calldata expected
    ) external nonReentrant returns (uint256 actId) {
        Act memory log = _log(order, leafHash, index, siblings, true);
        // The owner may change the mandate, or have another agent act, while this call is on its way.
        if (log.total != expected.total || log.book != expected.book || log.bond != expected.bond) {
            revert Unexpected(Expected(log.total, log.book, log.bond), expected);
        }
        actId = ++actCount;
        _records[actId] = keccak256(abi.encode(log));
        emit Acted(actId, log, false);
        IGatedAccount(order.account).trade(order.asset, order.buy, order.size, order.bound);
    }

    /// @inheritdoc IConsensusGate
    function open(uint256 actId, Act calldata log, ConsensusDocument.Leaf calldata leaf)
        external
        returns (bool agrees)
    {
        bytes32 record = _records[actId];
        if (record == 0 || keccak256(abi.encode(log)) != record) revert NotSealed(actId, record);
        bytes32 leafHash = ConsensusDocument.leafOf(leaf);
        if (leafHash != log.leaf) revert OtherLeaf(leafHash, log.leaf);

        delete _records[actId];
        heldOf[log.agent] -= log.bond;
        agrees = leaf.asset == log.asset && _isSide(log.buy, leaf.weight) && log.total <= _limit(leaf.weight, log.book);
        if (agrees) emit ActOpened(actId);
        else _slash(actId, log);
    }

    /* BONDS */

    /// @inheritdoc IConsensusGate
    function postBond(address agent, uint256 amount) external nonReentrant {
        if (agent == address(0)) revert ZeroAddress();
        if (amount == 0) revert ZeroAmount();
        bondOf[agent] += amount;
        emit BondPosted(agent, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IConsensusGate
    function releaseBond(uint256 amount, address to) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        uint256 free = bondOf[msg.sender] - heldOf[msg.sender];
        if (amount > free) revert InsufficientBond(free, amount);
        bondOf[msg.sender] -= amount;
        emit BondReleased(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IConsensusGate
    function collect(address account) external nonReentrant returns (uint256 amount) {
        amount = creditOf[account];
        if (amount == 0) revert NothingOwed(account);
        creditOf[account] = 0;
        emit CreditCollected(account, amount);
        token.safeTransfer(account, amount);
    }

    /* VIEWS */

    /// @inheritdoc IConsensusGate
    function mandateOf(address account) external view returns (Mandate memory) {
        return _mandates[account];
    }

    /// @inheritdoc IConsensusGate
    function admitted(bytes32 document) external view returns (Admitted memory) {
        return _admitted[document];
    }

    /// @inheritdoc IConsensusGate
    function todayOf(address account) external view returns (uint32 acts, uint128 size) {
        Day memory day = _days[account];
        if (day.number == block.timestamp / 1 days) (acts, size) = (day.acts, day.size);
    }

    /* PRIVATE */

    /// @dev Checks all that needs no look into the leaf, counts the act, and holds a bond for one that is sealed.
    function _log(
        Order calldata order,
        bytes32 leafHash,
        uint256 index,
        bytes32[] calldata siblings,
        bool isSealed
    ) private returns (Act memory) {
        if (order.size == 0) revert ZeroSize();
        Mandate memory mandate = _mandates[order.account];
        if (msg.sender != mandate.agent) revert NotAgent(msg.sender, mandate.agent);
        if (block.timestamp >= mandate.until) revert MandateOver(block.timestamp, mandate.until);
        if (bondOf[msg.sender] < leastBond) revert BondTooSmall(bondOf[msg.sender], leastBond);
        _requireLeaf(order.document, leafHash, index, siblings);
        _countDay(order, mandate);
        uint128 total = tradedOf[order.account][order.document][order.asset] += order.size;
        return Act(
            order.account,
            msg.sender,
            order.document,
            leafHash,
            order.asset,
            order.buy,
            order.size,
            total,
            mandate.book,
            isSealed ? _holdBond(order.size, mandate.bondRate) : 0
        );
    }

    /// @dev Each sealed act has a bond of its own: what one of them loses, another does not count on.
    function _holdBond(uint256 size, uint256 rate) private returns (uint256 bond) {
        bond = Math.max(leastBond, Math.ceilDiv(size * rate, RATE_UNIT));
        uint256 free = bondOf[msg.sender] - heldOf[msg.sender];
        if (free < bond) revert BondTooSmall(free, bond);
        heldOf[msg.sender] += bond;
    }

    function _requireLeaf(bytes32 document, bytes32 leafHash, uint256 index, bytes32[] calldata siblings) private view {
        Admitted memory found = _admitted[document];
        if (found.expiresAt == 0) revert NotAdmitted(document);
        if (block.timestamp >= found.expiresAt) revert DocumentExpired(block.timestamp, found.expiresAt);
        if (!ConsensusDocument.contains(found.root, found.assets, leafHash, index, siblings)) {
            revert NotInDocument(leafHash, found.root);
        }
    }

    function _countDay(Order calldata order, Mandate memory mandate) private {
        Day memory day = _days[order.account];
        uint64 today = uint64(block.timestamp / 1 days);
        if (day.number != today) day = Day(today, 0, 0);
        if (day.acts >= mandate.actsPerDay) revert TooManyActs(uint256(day.acts) + 1, mandate.actsPerDay);
        uint256 size = uint256(day.size) + order.size;
        if (size > mandate.sizePerDay) revert DayLimitExceeded(size, mandate.sizePerDay);
        _days[order.account] = Day(today, day.acts + 1, uint128(size));
    }

    function _slash(uint256 actId, Act calldata log) private {
        uint256 slashed = log.bond;
        bondOf[log.agent] -= slashed;
        creditOf[msg.sender] += slashed / 2;
        creditOf[burnSink] += slashed - slashed / 2;
        emit ActDisproven(actId, log.agent, msg.sender, slashed);
    }

    /// @dev A weight of zero is neither side's.
    function _isSide(bool buy, int64 weight) private pure returns (bool) {
        return buy ? weight > 0 : weight < 0;
    }

    function _limit(int64 weight, uint128 book) private pure returns (uint256) {
        return SignedMath.abs(weight) * book / WEIGHT_UNIT;
    }
}

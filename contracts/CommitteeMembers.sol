// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICommitteeMembers} from "./interfaces/ICommitteeMembers.sol";

/// @title CommitteeMembers
/// @notice See ICommitteeMembers. The half of OracleCommittee that knows people and money, and nothing of reports.
abstract contract CommitteeMembers is ICommitteeMembers, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /* CONSTANTS */

    /// @notice Keeps every loop over members short.
    uint256 public constant MAX_MEMBERS = 64;

    /// @notice Largest bond that a vote can take, wei: nobody deploys a committee that none can afford to sit in.
    uint256 public constant MAX_MEMBER_BOND = 100_000e18;

    /// @notice Seconds from opening a round to its resolution that hold bonds at most: as many as RoundSchedule allows
    /// (90 + 90 + 365 days), whatever a tournament says.
    uint64 private constant MAX_ROUND_TIME = 545 days;

    /// @notice Seconds that a bond is held after the last round that its member may sign for: time to find and to prove two
    /// documents, and for verifiers on other chains to learn of a new set.
    uint64 private constant PROOF_PERIOD = 30 days;

    /// @notice Seconds after which votes hold no bond of a member that left any more: longer than a tournament's reporting, the
    /// court's posting, two challenge windows and a dispute together.
    uint64 private constant MAX_VOTE_TIME = 130 days;

    /// @param bond wei.
    /// @param openVotes rounds whose reports the bond answers for, or is held by.
    /// @param absences seals in a row that the member did not sign.
    /// @param absentSince when the first of them was recorded, or a signature handed in since, seconds.
    struct Member {
        uint128 bond;
        uint32 openVotes;
        uint32 absences;
        uint64 absentSince;
    }

    /* STORAGE */

    /// @inheritdoc ICommitteeMembers
    IERC20 public immutable token;

    /// @inheritdoc ICommitteeMembers
    uint256 public immutable memberBond;

    /// @inheritdoc ICommitteeMembers
    uint64 public memberSetId;

    /// @inheritdoc ICommitteeMembers
    mapping(uint64 setId => uint256) public quorumOf;

    /// @dev Sets are written once. The second mapping says of each member of the first where it is, counted from 1.
    mapping(uint64 setId => address[]) private _membersOf;
    mapping(uint64 setId => mapping(address account => uint256)) private _placeOf;
    mapping(uint64 setId => bytes32[]) private _encryptionKeysOf;

    /// @inheritdoc ICommitteeMembers
    mapping(address account => bytes32) public encryptionKeyOf;

    /// @dev Everybody who ever was a member, or has a bond.
    mapping(address account => Member) internal _members;

    /// @dev When the last round resolves that was opened so far, seconds.
    uint64 private _lastResolution;

    /// @inheritdoc ICommitteeMembers
    mapping(address account => uint256) public heldUntil;

    /// @dev Whoever left by their own will: nobody else makes them a member again.
    mapping(address account => bool) private _hasLeft;

    /// @inheritdoc ICommitteeMembers
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc ICommitteeMembers
    mapping(address tournament => bool) public isTournament;

    /// @dev Also those that were removed: nobody is spared what they signed of their rounds.
    mapping(address tournament => bool) internal _wasTournament;

    /* CONSTRUCTOR */

    constructor(IERC20 token_, uint256 memberBond_, address[] memory members_, uint256 quorum_) {
        if (memberBond_ > MAX_MEMBER_BOND) revert BondTooLarge(memberBond_, MAX_MEMBER_BOND);
        token = token_;
        memberBond = memberBond_;
        _beginMemberSet(members_, quorum_);
        for (uint256 i; i < members_.length; ++i) {
            emit MemberAdded(members_[i]);
        }
    }

    /* MEMBERS */

    /// @inheritdoc ICommitteeMembers
    function addMember(address member, uint256 newQuorum) external restricted {
        if (_hasLeft[member]) revert MemberLeft(member);
        address[] memory before = members();
        // A last member that left makes room for the next.
        uint256 kept = _hasLeft[before[0]] ? 0 : before.length;
        address[] memory next = new address[](kept + 1);
        for (uint256 i; i < kept; ++i) {
            next[i] = before[i];
        }
        next[kept] = member;
        heldUntil[member] = 0;
        _members[member].absences = 0;
        emit MemberAdded(member);
        _beginMemberSet(next, newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function removeMember(address member, uint256 newQuorum) external restricted {
        _removeMember(member, newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function leave() external {
        uint256 others = members().length - 1;
        _hasLeft[msg.sender] = true;
        // A set is never empty: the last member stays in it until there is another, and is held no longer for that.
        if (others == 0) _endMembership(msg.sender);
        else _removeMember(msg.sender, Math.min(quorum(), others));
    }

    /// @inheritdoc ICommitteeMembers
    function assignRound(uint64 resolveAt) external returns (uint64 setId) {
        _requireTournament(msg.sender);
        uint256 until = Math.min(resolveAt, block.timestamp + MAX_ROUND_TIME);
        if (until > _lastResolution) _lastResolution = uint64(until);
        return memberSetId;
    }

    /// @inheritdoc ICommitteeMembers
    function setQuorum(uint256 newQuorum) external restricted {
        _beginMemberSet(members(), newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function addTournament(address tournament) external restricted {
        if (isTournament[tournament]) revert AlreadyTournament(tournament);
        isTournament[tournament] = true;
        _wasTournament[tournament] = true;
        emit TournamentAdded(tournament);
    }

    /// @inheritdoc ICommitteeMembers
    function removeTournament(address tournament) external restricted {
        _requireTournament(tournament);
        isTournament[tournament] = false;
        emit TournamentRemoved(tournament);
    }

    /* KEYS */

    /// @inheritdoc ICommitteeMembers
    function setEncryptionKey(bytes32 key) external {
        if (key == 0) revert ZeroEncryptionKey();
        if (key == encryptionKeyOf[msg.sender]) revert SameEncryptionKey(key);

        encryptionKeyOf[msg.sender] = key;
        emit EncryptionKeySet(msg.sender, key);
        // Rounds that are open were encrypted to the key before, which therefore stays in their set.
        if (isMember(msg.sender)) _beginMemberSet(members(), quorum());
    }

    /* MONEY */

    /// @inheritdoc ICommitteeMembers
    function postBond(address member, uint256 amount) external nonReentrant {
        if (member == address(0)) revert ZeroMember();
        if (amount == 0) revert ZeroAmount();

        // No token has a supply of 2**128 wei that this could serve; the transfer below fails first.
        _members[member].bond = SafeCast.toUint128(_members[member].bond + amount);
        emit BondPosted(member, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc ICommitteeMembers
    function releaseBond(uint256 amount, address to) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        uint256 until = heldUntil[msg.sender];
        uint256 openVotes = _members[msg.sender].openVotes;
        bool isOver = until != 0 && block.timestamp >= until + MAX_VOTE_TIME;
        if (openVotes != 0 && !isOver) revert VotesOpen(openVotes);
        uint256 bond = _members[msg.sender].bond;
        if (amount > bond) revert InsufficientBond(bond, amount);
        if (block.timestamp < until) revert BondHeld(block.timestamp, until);
        bool isSitting = until == 0 && isMember(msg.sender);
        if (isSitting && bond - amount < memberBond) revert BondTooSmall(bond - amount, memberBond);

        _members[msg.sender].bond = uint128(bond - amount);
        emit BondReleased(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc ICommitteeMembers
    function collect(address account) external nonReentrant returns (uint256 amount) {
        amount = creditOf[account];
        if (amount == 0) revert NothingOwed(account);

        creditOf[account] = 0;
        emit CreditCollected(account, amount);
        token.safeTransfer(account, amount);
    }

    /* VIEWS */

    /// @inheritdoc ICommitteeMembers
    function quorum() public view returns (uint256) {
        return quorumOf[memberSetId];
    }

    /// @inheritdoc ICommitteeMembers
    function bondOf(address account) public view returns (uint256) {
        return _members[account].bond;
    }

    /// @inheritdoc ICommitteeMembers
    function members() public view returns (address[] memory) {
        return _membersOf[memberSetId];
    }

    /// @inheritdoc ICommitteeMembers
    function openVotesOf(address account) external view returns (uint256) {
        return _members[account].openVotes;
    }

    /// @inheritdoc ICommitteeMembers
    function isMember(address account) public view returns (bool) {
        return _placeOf[memberSetId][account] != 0;
    }

    /// @inheritdoc ICommitteeMembers
    function membersOf(uint64 setId) public view returns (address[] memory) {
        return _membersOf[setId];
    }

    /// @inheritdoc ICommitteeMembers
    function encryptionKeysOf(uint64 setId) external view returns (bytes32[] memory) {
        return _encryptionKeysOf[setId];
    }

    /* INTERNAL */

    /// @dev Reverts for others than members.
    function _removeMember(address member, uint256 newQuorum) internal {
        _endMembership(member);
        address[] memory before = members();
        address[] memory next = new address[](before.length - 1);
        uint256 kept;
        for (uint256 i; i < before.length; ++i) {
            if (before[i] != member) next[kept++] = before[i];
        }
        _beginMemberSet(next, newQuorum);
    }

    /// @dev Holds the bond of a member that signs for no round that is opened from now on.
    function _endMembership(address member) private {
        if (!isMember(member)) revert NotMember(member);
        heldUntil[member] = Math.max(_lastResolution, block.timestamp) + PROOF_PERIOD;
        emit MemberRemoved(member);
    }

    function _requireTournament(address tournament) internal view {
        if (!isTournament[tournament]) revert UnknownTournament(tournament);
    }

    /// @return bit of the account in the order of the set.
    function _requireMember(uint64 setId, address account) internal view returns (uint64 bit) {
        uint256 place = _placeOf[setId][account];
        if (place == 0) revert NotMember(account);
        return uint64(1 << (place - 1));
    }

    /// @dev Takes `amount` of the member's bond, or what is left of it.
    function _slash(address member, uint256 amount) internal returns (uint256 taken) {
        uint256 bond = _members[member].bond;
        taken = Math.min(amount, bond);
        if (taken == 0) return 0;
        _members[member].bond = uint128(bond - taken);
        emit BondSlashed(member, taken);
    }

    function _credit(address account, uint256 amount) internal {
        creditOf[account] += amount;
    }

    /// @dev Every change of members, quorum or keys ends here, so that the quorum always is two thirds, and no vote counts
    /// under rules other than those it was cast under.
    function _beginMemberSet(address[] memory members_, uint256 newQuorum) private {
        uint256 count = members_.length;
        if (count > MAX_MEMBERS) revert TooManyMembers(count, MAX_MEMBERS);
        uint256 least = Math.ceilDiv(2 * count, 3);
        if (newQuorum < least || newQuorum > count || count == 0) revert QuorumOutOfRange(newQuorum, least, count);
        uint64 setId = ++memberSetId;
        for (uint256 i; i < count; ++i) {
            address member = members_[i];
            if (member == address(0)) revert ZeroMember();
            if (_placeOf[setId][member] != 0) revert AlreadyMember(member);
            _placeOf[setId][member] = i + 1;
            _encryptionKeysOf[setId].push(encryptionKeyOf[member]);
        }
        _membersOf[setId] = members_;
        quorumOf[setId] = newQuorum;
        emit MemberSetChanged(setId, count, newQuorum);
    }
}

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

    /// @inheritdoc ICommitteeMembers
    mapping(address account => uint256) public creditOf;

    /// @inheritdoc ICommitteeMembers
    mapping(address tournament => bool) public isTournament;

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
        address[] memory before = members();
        address[] memory next = new address[](before.length + 1);
        for (uint256 i; i < before.length; ++i) {
            next[i] = before[i];
        }
        next[before.length] = member;
        _members[member].absences = 0;
        emit MemberAdded(member);
        _beginMemberSet(next, newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function removeMember(address member, uint256 newQuorum) external restricted {
        if (!isMember(member)) revert NotMember(member);
        _removeMember(member, newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function setQuorum(uint256 newQuorum) external restricted {
        _beginMemberSet(members(), newQuorum);
    }

    /// @inheritdoc ICommitteeMembers
    function addTournament(address tournament) external restricted {
        if (isTournament[tournament]) revert AlreadyTournament(tournament);
        isTournament[tournament] = true;
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
        uint256 openVotes = _members[msg.sender].openVotes;
        if (openVotes != 0) revert VotesOpen(openVotes);
        uint256 bond = _members[msg.sender].bond;
        if (amount > bond) revert InsufficientBond(bond, amount);

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

    /// @param member one of the current set.
    function _removeMember(address member, uint256 newQuorum) internal {
        address[] memory before = members();
        address[] memory next = new address[](before.length - 1);
        uint256 kept;
        for (uint256 i; i < before.length; ++i) {
            if (before[i] != member) next[kept++] = before[i];
        }
        emit MemberRemoved(member);
        _beginMemberSet(next, newQuorum);
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

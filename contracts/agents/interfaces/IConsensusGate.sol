// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ConsensusDocument} from "../lib/ConsensusDocument.sol";
import {IConsensusVerifier} from "./IConsensusVerifier.sol";

/// @title IConsensusGate
/// @notice An agent acts for an account only as the consensus of a round says, and within what the account's owner allows.
///
/// An act is an asset, a side and a size, under a document that was admitted here and has not expired. The asset's leaf
/// must be in the document, its weight must have the side's sign, and all acts of the account in this asset under this
/// document together must not be larger than |weight| of the mandate's book. There is a limit of acts and of size for each day.
///
/// `act` shows the leaf: what is against the document is refused. `actSealed` shows only the leaf's hash, so that nobody
/// learns what the members gave to subscribers alone; then a bond answers. Each sealed act holds a part of the agent's bond
/// that answers for it alone: as much for its size as the mandate asks, and `leastBond` at least. Whoever knows the leaf may
/// `open` the act: where the log and the leaf disagree, that part is lost, half of it to whoever opened it and half to the
/// burn sink. It comes back only once the act is opened, so who does not open has lost it too.
///
/// An agent says what it takes for granted of a sealed act, and the act is refused where that is not so: no owner makes an
/// honest act a wrong one by a smaller book.
///
/// The gate holds bonds, and nothing of what accounts hold. The owner may end a mandate at any time.
interface IConsensusGate {
    /// @notice What an account's owner allows.
    /// @param agent who acts; zero: nobody.
    /// @param until seconds; no act from then on.
    /// @param actsPerDay UTC days.
    /// @param book what weights are shares of, units of the account's cash.
    /// @param sizePerDay units of the account's cash.
    /// @param bondRate what a sealed act holds of the agent's bond, wei for RATE_UNIT units of its size, rounded up.
    struct Mandate {
        address agent;
        uint64 until;
        uint32 actsPerDay;
        uint128 book;
        uint128 sizePerDay;
        uint128 bondRate;
    }

    /// @notice A document that was admitted.
    struct Admitted {
        bytes32 root;
        uint256 roundId;
        uint32 assets;
        uint64 expiresAt;
    }

    /// @notice What an agent wants to do.
    /// @param document digest of an admitted document.
    /// @param bound see `IGatedAccount.trade`.
    struct Order {
        address account;
        bytes32 document;
        bytes32 asset;
        bool buy;
        uint128 size;
        uint256 bound;
    }

    /// @notice What was done: the log, of which the gate keeps the hash while an act is sealed.
    /// @param leaf its hash.
    /// @param total of all acts of the account in the asset under the document, with this one.
    /// @param book the mandate's, as it was.
    /// @param bond of the agent's that the act holds, wei; zero where the leaf was shown.
    struct Act {
        address account;
        address agent;
        bytes32 document;
        bytes32 leaf;
        bytes32 asset;
        bool buy;
        uint128 size;
        uint128 total;
        uint128 book;
        uint256 bond;
    }

    /// @notice What an agent takes for granted of a sealed act: fields of its `Act`.
    struct Expected {
        uint128 total;
        uint128 book;
        uint256 bond;
    }

    event DocumentAdmitted(uint256 indexed roundId, bytes32 indexed document, bytes32 root, uint64 expiresAt);
    event MandateSet(address indexed account, Mandate mandate);
    event MandateEnded(address indexed account, address by);
    event Acted(uint256 indexed actId, Act act, bool isOpen);
    /// @notice A sealed act was opened, and agrees with its leaf.
    event ActOpened(uint256 indexed actId);
    /// @notice A sealed act was opened, and does not: `agent` lost `slashed` wei.
    event ActDisproven(uint256 indexed actId, address indexed agent, address prover, uint256 slashed);
    event BondPosted(address indexed agent, address indexed from, uint256 amount);
    event BondReleased(address indexed agent, address indexed to, uint256 amount);
    event CreditCollected(address indexed account, uint256 amount);

    error ZeroAddress();
    error ZeroAmount();
    error ZeroSize();
    /// @notice A round has one document here: the first that was admitted.
    error OtherDocument(uint256 roundId, bytes32 document, bytes32 admitted);
    error AlreadyAdmitted(bytes32 document);
    error NotAdmitted(bytes32 document);
    error DocumentExpired(uint256 timestamp, uint256 expiresAt);
    error NotOwner(address caller, address owner);
    error NotAgent(address caller, address agent);
    error MandateOver(uint256 timestamp, uint256 until);
    error BondTooSmall(uint256 bond, uint256 minimum);
    error InsufficientBond(uint256 bond, uint256 amount);
    error NotInDocument(bytes32 leaf, bytes32 root);
    error WrongAsset(bytes32 asset, bytes32 expected);
    error WrongSide(bool buy, int64 weight);
    error SizeAboveWeight(uint256 total, uint256 limit);
    error TooManyActs(uint256 acts, uint256 limit);
    error DayLimitExceeded(uint256 size, uint256 limit);
    error Unexpected(Expected found, Expected expected);
    error NotSealed(uint256 actId, bytes32 record);
    error OtherLeaf(bytes32 leaf, bytes32 expected);
    error NothingOwed(address account);

    /// @notice Admits a document that the verifier accepts. Anybody may; see `IConsensusVerifier.verify` for the arguments.
    /// @dev Reverts as `verify` does, or if the document is known (`AlreadyAdmitted`) or its round has another one
    /// (`OtherDocument`).
    function admit(
        ConsensusDocument.Consensus calldata c,
        address[] calldata members,
        uint256 quorum,
        uint256 signers,
        bytes calldata signatures
    ) external returns (bytes32 document);

    /// @notice Says who acts for an account, and within which limits. What was done today still counts.
    /// @dev Reverts if the caller does not own the account (`NotOwner`).
    function setMandate(address account, Mandate calldata mandate) external;

    /// @notice Ends a mandate: the switch for whoever owns the account, and for the agent itself.
    /// @dev Reverts if the caller is neither (`NotOwner`).
    function endMandate(address account) external;

    /// @notice Acts, with the leaf shown.
    /// @dev Reverts if:
    /// - the size is zero (`ZeroSize`), the caller is not the account's agent (`NotAgent`), or the mandate is over (`MandateOver`);
    /// - the agent's bond is below `leastBond` (`BondTooSmall`);
    /// - the document is not admitted (`NotAdmitted`) or has expired (`DocumentExpired`);
    /// - the leaf is not in it (`NotInDocument`), is another asset's (`WrongAsset`), or has not the side's sign (`WrongSide`);
    /// - it is too much for the weight (`SizeAboveWeight`), or for the day (`TooManyActs`, `DayLimitExceeded`);
    /// - the account refuses the trade.
    function act(
        Order calldata order,
        ConsensusDocument.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata siblings
    ) external returns (uint256 actId);

    /// @notice Acts, with the hash of the leaf shown. A part of the bond is held until the act is opened.
    /// @dev Reverts as `act` does, but for what only the leaf tells, and if what is free of the bond is less than the act holds
    /// (`BondTooSmall`), or something is not as expected (`Unexpected`).
    function actSealed(
        Order calldata order,
        bytes32 leafHash,
        uint256 index,
        bytes32[] calldata siblings,
        Expected calldata expected
    ) external returns (uint256 actId);

    /// @notice Opens a sealed act. Anybody may who knows the leaf.
    /// @param log as `Acted` says it.
    /// @dev Reverts if no such act is sealed (`NotSealed`), or the leaf is not the one that was shown (`OtherLeaf`).
    /// @return agrees whether the act is as the document says; where not, the part of the agent's bond that it held is lost.
    function open(uint256 actId, Act calldata log, ConsensusDocument.Leaf calldata leaf) external returns (bool agrees);

    /// @notice Adds to an agent's bond, from the caller. Anybody may.
    /// @dev Reverts if `agent` is zero (`ZeroAddress`), `amount` is (`ZeroAmount`), or the token refuses.
    function postBond(address agent, uint256 amount) external;

    /// @notice Sends `amount` wei of the caller's bond to `to`.
    /// @dev Reverts if `amount` is zero (`ZeroAmount`), or what sealed acts do not hold of the bond is less (`InsufficientBond`).
    function releaseBond(uint256 amount, address to) external;

    /// @notice Sends what an account is owed. Anybody may.
    /// @dev Reverts if it is owed nothing (`NothingOwed`).
    function collect(address account) external returns (uint256 amount);

    function mandateOf(address account) external view returns (Mandate memory);

    function admitted(bytes32 document) external view returns (Admitted memory);

    /// @notice The document of a round; zero if none was admitted.
    function documentOf(uint256 roundId) external view returns (bytes32);

    /// @notice Acts and their size on the current UTC day.
    function todayOf(address account) external view returns (uint32 acts, uint128 size);

    /// @notice What was traded of an asset under a document so far, units of the account's cash.
    function tradedOf(address account, bytes32 document, bytes32 asset) external view returns (uint128);

    function bondOf(address agent) external view returns (uint256);

    /// @notice What sealed acts hold of an agent's bond, wei.
    function heldOf(address agent) external view returns (uint256);

    function creditOf(address account) external view returns (uint256);

    function actCount() external view returns (uint256);

    function verifier() external view returns (IConsensusVerifier);

    function token() external view returns (IERC20);

    function burnSink() external view returns (address);

    function leastBond() external view returns (uint256);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SealReader} from "./SealReader.sol";
import {IScoreCourt} from "./interfaces/IScoreCourt.sol";
import {ITournament} from "./interfaces/ITournament.sol";
import {IVerdictCourt} from "./interfaces/IVerdictCourt.sol";
import {Report} from "./interfaces/Report.sol";
import {ScoreProof} from "./lib/ScoreProof.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";

/// @title VerdictCourt
/// @notice See IVerdictCourt. It knows no court: the one that a tournament's committee obeys hears it, or does not.
contract VerdictCourt is IVerdictCourt, SealReader {
    /* CONSTANTS */

    /// @inheritdoc IVerdictCourt
    bytes32 public constant SUBMISSION_TYPEHASH =
        keccak256("Submission(uint256 roundId,uint256 modelId,bytes32 contentHash,bytes32 ciphertextHash)");

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("Cupel");
    bytes32 private constant VERSION_HASH = keccak256("2");

    /// @dev What canonical JSON of rules has where submissions are encrypted, and nowhere else: within a text, quotes have a
    /// backslash before them.
    bytes25 private constant ENCRYPTED = '"submissions":"encrypted"';

    /* STORAGE */

    /// @dev Should the chain split, signatures of before are of the chain that has this id.
    uint256 private immutable _chainId = block.chainid;

    /* PROVING */

    /// @inheritdoc IVerdictCourt
    function disproveSigner(
        address tournament,
        Report calldata report,
        Submission calldata submission,
        bytes calldata signature
    ) external {
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, report);
        _requireCounted(submission, r.submissionsRoot);
        if (block.chainid != _chainId) revert OtherChain(block.chainid, _chainId);
        address submitter = _submitterBefore(tournament, submission.modelId, r.closeAt);
        if (submitter != address(0)) {
            bytes32 found = ScoreProof.hashOf(signature);
            if (found != submission.signatureHash) revert OtherSignature(found, submission.signatureHash);
            if (_signerOf(tournament, report.roundId, submission, signature) == submitter) revert SealRight();
        }
        court.condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IVerdictCourt
    function disproveForm(
        address tournament,
        Report calldata report,
        Submission calldata submission,
        bytes calldata rules
    ) external {
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, report);
        _requireCounted(submission, r.submissionsRoot);
        bytes32 found = sha256(rules);
        if (found != r.rulesHash) revert OtherRules(found, r.rulesHash);
        if ((submission.ciphertextHash != 0) == _areEncrypted(rules)) revert SealRight();
        court.condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IVerdictCourt
    function disprovePredictions(
        address tournament,
        Report calldata report,
        Terms calldata terms,
        Submission calldata submission,
        bytes calldata predictions
    ) external {
        _requireUnstaged();
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, report);
        _requireCounting(submission, predictions, r.universe, r.submissionsRoot);
        if (_areInForm(_idsOf(terms, r.termsHash), predictions)) revert SealRight();
        court.condemn(tournament, report, msg.sender);
    }

    /// @inheritdoc IVerdictCourt
    function disproveOrder(
        address tournament,
        Report calldata report,
        Submission calldata left,
        Submission calldata right
    ) external {
        (IScoreCourt court, ITournament.Round memory r) = _begin(tournament, report);
        _requireInTree(right, r.submissionsRoot);
        bytes32 filled = SubmissionTree.rootOf(0, left.index, left.siblings);
        if (left.modelId != 0 || filled != r.submissionsRoot) {
            _requireInTree(left, r.submissionsRoot);
            if (left.modelId < right.modelId) revert SealRight();
        }
        if (left.index >= right.index) revert SealRight();
        court.condemn(tournament, report, msg.sender);
    }

    /* INTERNAL */

    function _begin(address tournament, Report calldata report)
        private
        view
        returns (IScoreCourt court, ITournament.Round memory r)
    {
        court = _requireCommittedCourt(tournament);
        r = ITournament(tournament).round(report.roundId);
    }

    /// @dev Reverts unless the submission is in the tree, and counts.
    function _requireCounted(Submission calldata submission, bytes32 submissionsRoot) private pure {
        _requireInTree(submission, submissionsRoot);
        if (submission.verdict != 1) revert WrongVerdict(submission.verdict);
    }

    /// @dev Who could sign for a model in the last second before a round closed, as members ask: where several blocks share a
    /// second, what they find for the second of the close may change. Zero for nobody.
    function _submitterBefore(address tournament, uint256 modelId, uint64 closeAt) private view returns (address) {
        address[] memory found = ITournament(tournament).registry().submittersAt(modelId, 1, closeAt - 1);
        return found.length == 0 ? address(0) : found[0];
    }

    /// @dev Who signed a submission; zero for what is no signature.
    function _signerOf(
        address tournament,
        uint256 roundId,
        Submission calldata submission,
        bytes calldata signature
    ) private view returns (address signer) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, tournament));
        bytes32 signed = keccak256(
            abi.encode(
                SUBMISSION_TYPEHASH, roundId, submission.modelId, submission.contentHash, submission.ciphertextHash
            )
        );
        (signer,,) = ECDSA.tryRecoverCalldata(MessageHashUtils.toTypedDataHash(domain, signed), signature);
    }

    function _areEncrypted(bytes calldata rules) private pure returns (bool found) {
        if (rules.length < 25) return false;
        bytes25 expected = ENCRYPTED;
        assembly ("memory-safe") {
            let end := add(rules.offset, sub(rules.length, 24))
            // The bits below 25 bytes stand for nothing.
            for { let at := rules.offset } lt(at, end) { at := add(at, 1) } {
                found := or(found, eq(shr(56, calldataload(at)), shr(56, expected)))
            }
        }
    }
}

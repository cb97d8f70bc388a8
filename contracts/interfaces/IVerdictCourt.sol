// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICourtTypes} from "./ICourtTypes.sol";
import {Report} from "./Report.sol";

/// @title IVerdictCourt
/// @notice Proves wrong a report over a round whose seal says what is provably not so. ScoreCourt hears it, and its
/// commitments are made there. No honest member attests to any report over such a seal.
///
/// What an honest seal says, and so what can be proven wrong:
///
///     of a submission that counts    signed by the model's submitter before the round closed    disproveSigner
///                                     in the clear, or encrypted, as the rules say               disproveForm
///                                     one prediction an id, each within [0, 1]                   disprovePredictions
///     of the tree of submissions      models ascend, and nothing follows what fills it up        disproveOrder
///
/// Not to be proven: that a submission counts which does not, by the seal. An honest member refuses what it cannot read: what
/// an operator publishes may be other predictions than those that were signed, or none, and no contract sees what was
/// published. Gates look at other rounds.
interface IVerdictCourt is ICourtTypes {
    /* ERRORS */

    /// @notice The signature is not the one that the leaf commits to.
    error OtherSignature(bytes32 signatureHash, bytes32 expected);
    /// @notice The rules are not the round's.
    error OtherRules(bytes32 rulesHash, bytes32 expected);
    /// @notice The chain is not the one that this court was made for: what was signed, was signed for that one.
    error OtherChain(uint256 chainId, uint256 expected);

    /* PROVING: committed at the tournament's court */

    /// @notice Proves that a submission counts which nobody signed who could in the last second before the round closed. As everywhere, a signature
    /// is 65 bytes with a low s and a v of 27 or 28 that recover the submitter's address: a contract cannot sign.
    /// @param signature of the submission; of a model that did not exist by then it is not read.
    /// @dev Every `disprove` reverts unless it was committed (`NotCommitted`), the report is the accepted one (`OtherReport`), not
    /// final, and its seal wrong in what is shown (`SealRight`).
    function disproveSigner(
        address tournament,
        Report calldata report,
        Submission calldata submission,
        bytes calldata signature
    ) external;

    /// @notice Proves that a submission counts that is encrypted where the rules ask for none that is, or the other way round.
    /// @param rules the round's document, as canonical JSON.
    function disproveForm(
        address tournament,
        Report calldata report,
        Submission calldata submission,
        bytes calldata rules
    ) external;

    /// @notice Proves that a submission counts with a prediction outside of [0, 1], or none at all, or with more or fewer than
    /// one an id.
    /// @param terms of the round; not read where it was opened without: then their number is not proven.
    /// @param predictions 8 bytes each, as they were signed. Those that are more than one transaction carries are staged, and
    /// taken by `IStagedCourt.disprovePredictions` (`ProofTooLarge`).
    function disprovePredictions(
        address tournament,
        Report calldata report,
        Terms calldata terms,
        Submission calldata submission,
        bytes calldata predictions
    ) external;

    /// @notice Proves that two leaves are out of the order of models: also that a model has two, and that one is to the right of
    /// a leaf that fills the tree up.
    /// @param left of a leaf that fills the tree up, only index and siblings are read: its model is zero.
    function disproveOrder(
        address tournament,
        Report calldata report,
        Submission calldata left,
        Submission calldata right
    ) external;

    /* VIEWS */

    /// @notice The EIP-712 type of what submitters sign.
    function SUBMISSION_TYPEHASH() external view returns (bytes32);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CourtReader} from "./CourtReader.sol";
import {MetaProof} from "./lib/MetaProof.sol";
import {SubmissionTree} from "./lib/SubmissionTree.sol";

/// @title MetaReader
/// @notice The part of MetaCourt and of StagedCourt that reads a report's tree of steps.
abstract contract MetaReader is CourtReader {
    /// @dev The hash of the sums before the leaf at `index`; reverts unless both are in the tree of steps.
    function _requireStep(Evidence calldata evidence, uint256 index, Step calldata step)
        internal
        pure
        returns (bytes32)
    {
        _requireInSteps(evidence.steps, step.afterwards, index, step.siblings);
        if (index == 0) return MetaProof.hashOfZeros(evidence.terms.ids);
        _requireInSteps(evidence.steps, step.before, index - 1, step.siblingsBefore);
        return step.before;
    }

    function _requireInSteps(bytes32 steps, bytes32 sums, uint256 index, bytes32[] calldata siblings) internal pure {
        bytes32 root = SubmissionTree.rootOf(SubmissionTree.leafOf(abi.encode(sums)), index, siblings);
        if (root != steps || root == 0) revert NotInSteps(root, steps);
    }

    /// @dev The first vector is against the round's meta model, and so are those that contributions to it are computed from.
    function _requireAgainstMetaModel(Evidence calldata evidence, uint256 vector) internal pure {
        if (vector == 0) return;
        Factor[] calldata factors = evidence.terms.factors;
        for (uint256 i; i < factors.length; ++i) {
            if (factors[i].vector == vector && factors[i].score == CONTRIBUTION) return;
        }
        revert OtherMetaModel(vector);
    }

    /// @dev Reverts unless the sums with this hash are the last ones: those behind the last leaf, or zeros where nobody submitted.
    function _requireLast(Evidence calldata evidence, bytes32 sums, bytes32[] calldata siblings) internal pure {
        if (evidence.steps != 0) {
            _requireInSteps(evidence.steps, sums, (1 << siblings.length) - 1, siblings);
            return;
        }
        bytes32 zeros = MetaProof.hashOfZeros(evidence.terms.ids);
        if (sums != zeros) revert OtherSums(sums, zeros);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRootChain} from "contracts/bridge/interfaces/IPolygon.sol";
import {CheckpointProof} from "contracts/bridge/lib/CheckpointProof.sol";

/// The library by itself, to be asked from outside.
contract ProofReader {
    function read(IRootChain chain, CheckpointProof.Proof calldata proof)
        external
        view
        returns (CheckpointProof.Log memory)
    {
        return CheckpointProof.read(chain, proof);
    }
}

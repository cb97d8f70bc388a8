// The parts of the contracts that a wallet calls and a reader verifies, in the words of contracts/interfaces.

import { parseAbi } from "viem";

export const TOKEN = parseAbi([
  "function balanceOf(address owner) view returns (uint256)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 value) returns (bool)",
  "function nonces(address owner) view returns (uint256)",
  "function name() view returns (string)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
]);

export const REGISTRY = parseAbi([
  "function register(address to) returns (uint256 modelId)",
  "function setSubmitter(uint256 modelId, address submitter)",
  "function submitterOf(uint256 modelId) view returns (address)",
  "function ownerOf(uint256 modelId) view returns (address)",
  "function modelCount() view returns (uint256)",
  "function getApproved(uint256 modelId) view returns (address)",
  "function transferFrom(address from, address to, uint256 modelId)",
  "event ModelRegistered(uint256 indexed modelId, address indexed owner)",
  "error NotModelOwner(uint256 modelId, address owner, address caller)",
  "error ERC721NonexistentToken(uint256 tokenId)",
  "error ERC721InsufficientApproval(address operator, uint256 tokenId)",
  "error ERC721IncorrectOwner(address sender, uint256 tokenId, address owner)",
]);

export const STAKES = parseAbi([
  "function deposit(uint256 modelId, uint256 amount)",
  "function depositWithPermit(uint256 modelId, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)",
  "function withdraw(uint256 modelId, uint256 amount, address to)",
  "function setAllocation(uint256 modelId, uint64 allocation)",
  "function idleOf(uint256 modelId) view returns (uint64)",
  "function allocationOf(uint256 modelId) view returns (uint64)",
  "function laneOf(uint256 modelId) view returns (uint256)",
  "function lanePrice() view returns (uint64)",
  "function minPosition() view returns (uint64)",
  "function cap() view returns (uint32)",
  "function pausedUntil() view returns (uint256)",
  "error NotModelOwner(uint256 modelId, address owner, address caller)",
  "error NoLane(uint256 modelId)",
  "error InsufficientIdle(uint256 idle, uint256 amount)",
  "error FirstDepositTooSmall(uint256 amount, uint256 lanePrice)",
  "error DustAmount(uint256 amount, uint256 unit)",
  "error ZeroAmount()",
  "error TournamentPaused(uint256 until)",
  "error AllocationNotRepresentable(uint64 allocation, uint64 below, uint64 above)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
  "error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
]);

export const ROUNDS = parseAbi([
  "struct Round { uint8 state; uint64 openAt; uint64 closeAt; uint64 resolveAt; uint32 cap; uint64 deadline; uint64 memberSetId; uint64 threshold; uint32 payoutFactor; uint64 atRisk; uint64 validAtRisk; uint64 reserved; uint64 totalPayout; uint64 totalBurn; uint64 paid; uint64 burned; uint64 settlementBeganAt; uint64 minPosition; uint64 firstSlot; uint64 nextSlot; bytes32 rulesHash; bytes32 termsHash; bytes32 universe; bytes32 submissionsRoot; bytes32 positionsHead; bytes32 scoresHead; }",
  "function round(uint256 roundId) view returns (Round)",
  "function modelsAt(uint256 fromLane, uint256 count) view returns (uint256[])",
  "function laneCount() view returns (uint256)",
  "function demands() view returns (address)",
  "event PositionsLocked(uint256 indexed roundId, uint256 fromSlot, uint256[] positions)",
  "event LockEnded(uint256 indexed roundId, bytes32 positionsHead, uint64 atRisk)",
  "event ChunkSettled(uint256 indexed roundId, uint256 fromSlot, uint64 payout, uint64 burn, bytes scores)",
]);

export const DEMANDS = parseAbi([
  "function silentLanes(address tournament, uint256 roundId) view returns (uint256[])",
]);

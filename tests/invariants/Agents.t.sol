// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAgentLink} from "../../contracts/agents/interfaces/IAgentLink.sol";
import {IConsensusGate} from "../../contracts/agents/interfaces/IConsensusGate.sol";
import {IConsensusVerifier} from "../../contracts/agents/interfaces/IConsensusVerifier.sol";
import {IGatedAccount} from "../../contracts/agents/interfaces/IGatedAccount.sol";
import {IMemberSetSender} from "../../contracts/agents/interfaces/IMemberSetSender.sol";
import {IUniswapAccount} from "../../contracts/agents/interfaces/IUniswapAccount.sol";
import {ConsensusDocument} from "../../contracts/agents/lib/ConsensusDocument.sol";
import {ICommitteeConsensus} from "../../contracts/interfaces/ICommitteeConsensus.sol";
import {ICommitteeMembers} from "../../contracts/interfaces/ICommitteeMembers.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {AgentsHouse} from "./AgentsHouse.sol";
import {vm} from "./Vm.sol";

/// @notice A registry of one owner's tokens, which may all be no more.
contract FragileRegistry {
    address private immutable _owner = msg.sender;
    bool private _isEmpty;

    error NoSuchToken();

    function burn() external {
        _isEmpty = true;
    }

    function ownerOf(uint256) external view returns (address) {
        if (_isEmpty) revert NoSuchToken();
        return _owner;
    }
}

/// @title AgentsTest
/// @notice Documents, sets, acts and bonds on a chain of agents; tests/contracts/agents looks at each more closely.
contract AgentsTest is AgentsHouse {
    /* DOCUMENTS */

    function test_aQuorumsDocumentIsTaken() public {
        ConsensusDocument.Consensus memory c = _document(1);
        _succeed(STRANGER, address(verifier), _verifyCall(c, 3, 2));
        require(verifier.digestOf(c) == ConsensusDocument.digestOf(c), "digest");
        require(verifier.predicts(c, _leaf(LONG), 0, _siblings(LONG)), "leaf");
        require(!verifier.predicts(c, _leaf(LONG), 2, _siblings(LONG)), "beyond the last");
    }

    function test_noOtherDocumentIsTaken() public {
        _wrong(0, IConsensusVerifier.WrongChain.selector);
        _wrong(1, IConsensusVerifier.WrongTournament.selector);
        _wrong(2, IConsensusVerifier.OtherMembers.selector);
        _wrong(3, IConsensusVerifier.NotPublishedYet.selector);
        _wrong(4, IConsensusVerifier.Expired.selector);
        _wrong(5, IConsensusVerifier.LifetimeTooLong.selector);
        _wrong(6, IConsensusVerifier.NoAssets.selector);
        ConsensusDocument.Consensus memory c = _document(1);
        _refuse(STRANGER, address(verifier), _verifyCall(c, 9, 2), IConsensusVerifier.SignersOutOfRange.selector);
        _refuse(STRANGER, address(verifier), _verifyCall(c, 1, 1), IConsensusVerifier.TooFewSigners.selector);
        bytes4 expected = IConsensusVerifier.SignaturesLengthMismatch.selector;
        _refuse(STRANGER, address(verifier), _verifyCall(c, 3, 3), expected);
        _refuse(STRANGER, address(verifier), _verifyCall(c, 5, 2), IConsensusVerifier.WrongSigner.selector);
    }

    function test_aVerifierIsDeployedWithinLimits() public {
        IConsensusVerifier.Home memory home = _home();
        home.grace = 181 days;
        _refuseVerifier(home, members, 2, IConsensusVerifier.GraceTooLong.selector);
        home = _home();
        home.tournament = address(0);
        _refuseVerifier(home, members, 2, IConsensusVerifier.ZeroTournament.selector);
        _refuseVerifier(_home(), members, 1, IConsensusVerifier.QuorumOutOfRange.selector);
        _refuseVerifier(_home(), new address[](65), 65, IConsensusVerifier.TooManyMembers.selector);
        _refuseVerifier(_home(), new address[](1), 1, IConsensusVerifier.NotAscending.selector);
    }

    /* SETS */

    function test_aSetChangesByItsOwnQuorumAndTheHomeChainHasTheLastWord() public {
        bytes32 previous = verifier.memberSet();
        bytes memory call = _rotation(type(uint64).max, 3, 2);
        _succeed(STRANGER, address(verifier), call);
        _refuse(STRANGER, address(verifier), call, IConsensusVerifier.OtherMembers.selector);
        require(verifier.termOf(previous).until == _now() + 30 days, "grace");

        bytes32 captured = verifier.memberSet();
        vm.prank(ADMIN);
        committee.setQuorum(2);
        IMemberSetSender home = _sender();
        _refuse(STRANGER, address(home), abi.encodeCall(home.send, (2, 2)), IMemberSetSender.NoSuchSets.selector);
        require(home.send(1, 2) == previous, "what the committee says");
        require(verifier.memberSet() == previous && verifier.memberSetId() == 2, "the home chain's");
        require(verifier.termOf(captured).until == 0, "no grace");
        _refuseMessage(abi.encode(2, 1, 2, 1, members, 2), IConsensusVerifier.OldMemberSet.selector);
        _refuseMessage(abi.encode(1, 1, 3, 1, members, 2), IConsensusVerifier.OtherPredecessor.selector);
    }

    function test_aSetSignsForItsOwnRoundsAlone() public {
        _succeed(STRANGER, address(verifier), _rotation(2, 3, 7));
        _succeed(STRANGER, address(verifier), _verifyCall(_document(6), 3, 2));
        bytes4 expected = IConsensusVerifier.OtherSetsRound.selector;
        _refuse(STRANGER, address(verifier), _verifyCall(_document(7), 3, 2), expected);
        bytes32 digest = verifier.rotationDigest(3, 6, verifier.memberSet());
        _refuse(
            STRANGER,
            address(verifier),
            abi.encodeCall(IConsensusVerifier.rotate, (3, 6, members, 3, members, 3, 7, _signed(digest, 3))),
            IConsensusVerifier.RoundsBefore.selector
        );
    }

    function test_whatAFormerSetSignsIsTakenForAWhile() public {
        ConsensusDocument.Consensus memory c = _document(1);
        c.expiresAt = uint64(_now() + 100 days);
        _succeed(STRANGER, address(verifier), _rotation(2, 3, 2));
        _succeed(STRANGER, address(verifier), _verifyCall(c, 3, 2));
        vm.warp(_now() + 30 days);
        _refuse(STRANGER, address(verifier), _verifyCall(c, 3, 2), IConsensusVerifier.UnknownMemberSet.selector);
    }

    function test_onlyTheGatewayBringsMessages() public {
        bytes memory call =
            abi.encodeWithSignature("receiveMessage(bytes32,bytes,bytes)", bytes32(0), bytes("home"), bytes(""));
        (bool success,) = address(verifier).call(call);
        require(!success, "a stranger's message");
    }

    /* DOUBLE SIGNERS */

    function test_whoSignsTwiceLosesTheBond() public {
        vm.prank(_owner(1));
        committee.postBond(members[0], MEMBER_BOND);
        (ConsensusDocument.Consensus memory c, ConsensusDocument.Consensus memory other) = _twoOfAnOpenRound();
        bytes memory call = _equivocation(c, other, members[0]);
        _refuse(
            STRANGER, address(committee), _equivocation(c, c, members[0]), ICommitteeConsensus.SameDocument.selector
        );
        _refuse(
            STRANGER,
            address(committee),
            _equivocation(c, other, members[1]),
            ICommitteeConsensus.DifferentSigners.selector
        );
        _refuse(
            STRANGER,
            address(committee),
            _equivocation(c, _document(2), members[0]),
            ICommitteeConsensus.OtherRound.selector
        );
        _succeed(STRANGER, address(committee), call);
        require(committee.creditOf(STRANGER) == MEMBER_BOND / 2, "half");
        _refuse(STRANGER, address(committee), call, ICommitteeConsensus.EquivocationKnown.selector);
    }

    function test_documentsOfOtherChainsAndTournamentsAndOfMembersWithoutABondProveNothing() public {
        (ConsensusDocument.Consensus memory c, ConsensusDocument.Consensus memory other) = _twoOfAnOpenRound();
        bytes memory call = _equivocation(c, other, members[0]);
        _refuse(STRANGER, address(committee), call, ICommitteeConsensus.NoBond.selector);
        other.chainId = 1;
        call = _equivocation(c, other, members[0]);
        _refuse(STRANGER, address(committee), call, ICommitteeConsensus.OtherChain.selector);
        call = _equivocation(other, c, members[0]);
        _refuse(STRANGER, address(committee), call, ICommitteeConsensus.OtherChain.selector);
        other.chainId = block.chainid;
        (c.tournament, other.tournament) = (STRANGER, STRANGER);
        call = _equivocation(c, other, members[0]);
        _refuse(STRANGER, address(committee), call, ICommitteeMembers.UnknownTournament.selector);
    }

    /* ACTS */

    function test_anActWithinTheDocumentTrades() public {
        bytes32 document = _admit(_document(1));
        _succeed(AGENT, address(gate), _actCall(_order(document, LONG, 500), LONG));
        _succeed(AGENT, address(gate), _actCall(_order(document, SHORT, 500), SHORT));
        (uint32 acts, uint128 size) = gate.todayOf(address(account));
        require(acts == 2 && size == 1_000, "counted");
        vm.warp(_now() + 1 days);
        (acts,) = gate.todayOf(address(account));
        require(acts == 0, "another day");
        require(gate.mandateOf(address(account)).book == BOOK && gate.admitted(document).assets == 2, "views");
    }

    function test_oneDocumentARound() public {
        ConsensusDocument.Consensus memory c = _document(1);
        _admit(c);
        bytes memory signatures = _signed(ConsensusDocument.digestOf(c), 2);
        bytes memory call = abi.encodeCall(IConsensusGate.admit, (c, members, 2, 3, signatures));
        _refuse(STRANGER, address(gate), call, IConsensusGate.AlreadyAdmitted.selector);
        c.root = 0;
        signatures = _signed(ConsensusDocument.digestOf(c), 2);
        call = abi.encodeCall(IConsensusGate.admit, (c, members, 2, 3, signatures));
        _refuse(STRANGER, address(gate), call, IConsensusGate.OtherDocument.selector);
    }

    function test_actsOutsideAreRefused() public {
        bytes32 document = _admit(_document(1));
        _refuseAct(_order(document, LONG, 0), LONG, IConsensusGate.ZeroSize.selector);
        _refuseAct(_order(0, LONG, 1), LONG, IConsensusGate.NotAdmitted.selector);
        _refuseAct(_order(document, SHORT, 1), LONG, IConsensusGate.WrongAsset.selector);
        _refuseAct(_order(document, LONG, 501), LONG, IConsensusGate.SizeAboveWeight.selector);
        _refuseAct(_order(document, LONG, 2_001), LONG, IConsensusGate.DayLimitExceeded.selector);
        IConsensusGate.Order memory order = _order(document, LONG, 1);
        order.buy = false;
        _refuseAct(order, LONG, IConsensusGate.WrongSide.selector);
        bytes memory call = _actCall(_order(document, LONG, 1), LONG);
        _refuse(STRANGER, address(gate), call, IConsensusGate.NotAgent.selector);
        call = abi.encodeCall(IConsensusGate.act, (_order(document, LONG, 1), _leaf(LONG), 1, _siblings(LONG)));
        _refuse(AGENT, address(gate), call, IConsensusGate.NotInDocument.selector);
        vm.warp(_now() + 10 days);
        _refuseAct(_order(document, LONG, 1), LONG, IConsensusGate.DocumentExpired.selector);
    }

    function test_aMandateLimitsAndEnds() public {
        bytes32 document = _admit(_document(1));
        for (uint256 i; i < 5; ++i) {
            _succeed(AGENT, address(gate), _actCall(_order(document, LONG, 1), LONG));
        }
        _refuseAct(_order(document, LONG, 1), LONG, IConsensusGate.TooManyActs.selector);
        IConsensusGate.Mandate memory mandate = _mandate();
        mandate.until = uint64(_now());
        bytes memory call = abi.encodeCall(IConsensusGate.setMandate, (address(account), mandate));
        _refuse(STRANGER, address(gate), call, IConsensusGate.NotOwner.selector);
        _succeed(OWNER, address(gate), call);
        _refuseAct(_order(document, LONG, 1), LONG, IConsensusGate.MandateOver.selector);
        call = abi.encodeCall(IConsensusGate.endMandate, (address(account)));
        _refuse(STRANGER, address(gate), call, IConsensusGate.NotOwner.selector);
        _succeed(AGENT, address(gate), call);
        _succeed(OWNER, address(gate), call);
    }

    /* SEALED ACTS */

    function test_aSealedActHoldsABondOfItsOwn() public {
        bytes32 document = _admit(_document(1));
        IConsensusGate.Order memory order = _order(document, LONG, 500);
        bytes memory call = _sealedCall(order, LONG, LEAST_BOND + 1);
        _refuse(AGENT, address(gate), call, IConsensusGate.Unexpected.selector);
        _succeed(AGENT, address(gate), _sealedCall(order, LONG, LEAST_BOND));
        IConsensusGate.Act memory log = _log(order, LONG);
        _refuse(
            AGENT,
            address(gate),
            _sealedCall(_order(document, SHORT, 1), SHORT, LEAST_BOND),
            IConsensusGate.BondTooSmall.selector
        );
        call = abi.encodeCall(IConsensusGate.releaseBond, (1, AGENT));
        _refuse(AGENT, address(gate), call, IConsensusGate.InsufficientBond.selector);
        call = abi.encodeCall(IConsensusGate.open, (2, log, _leaf(LONG)));
        _refuse(STRANGER, address(gate), call, IConsensusGate.NotSealed.selector);
        call = abi.encodeCall(IConsensusGate.open, (1, log, _leaf(SHORT)));
        _refuse(STRANGER, address(gate), call, IConsensusGate.OtherLeaf.selector);
        require(gate.open(1, log, _leaf(LONG)) && gate.heldOf(AGENT) == 0, "agrees");
        vm.prank(AGENT);
        gate.releaseBond(LEAST_BOND, STRANGER);
        _refuseAct(_order(document, LONG, 1), LONG, IConsensusGate.BondTooSmall.selector);
    }

    function test_aSealedActAgainstTheDocumentCostsItsBond() public {
        bytes32 document = _admit(_document(1));
        gate.postBond(AGENT, LEAST_BOND);
        IConsensusGate.Order memory order = _order(document, LONG, 501);
        _succeed(AGENT, address(gate), _sealedCall(order, LONG, LEAST_BOND));
        vm.prank(STRANGER);
        require(!gate.open(1, _log(order, LONG), _leaf(LONG)), "disagrees");
        require(gate.bondOf(AGENT) == LEAST_BOND && gate.creditOf(STRANGER) == LEAST_BOND / 2, "its own");
        require(gate.collect(STRANGER) == LEAST_BOND / 2, "collected");
        bytes memory call = abi.encodeCall(IConsensusGate.collect, (STRANGER));
        _refuse(STRANGER, address(gate), call, IConsensusGate.NothingOwed.selector);
    }

    function test_aGateIsDeployedWithPartsAndBondsAreSomebodys() public {
        bytes4 zero = IConsensusGate.ZeroAddress.selector;
        _refuseCreation("ConsensusGate", abi.encode(address(0), token, sink, 1), zero);
        _refuseCreation("ConsensusGate", abi.encode(verifier, token, address(0), 1), zero);
        _refuseCreation("ConsensusGate", abi.encode(verifier, token, sink, 0), IConsensusGate.ZeroAmount.selector);
        bytes memory call = abi.encodeCall(IConsensusGate.postBond, (address(0), 1));
        _refuse(STRANGER, address(gate), call, zero);
        call = abi.encodeCall(IConsensusGate.postBond, (AGENT, 0));
        _refuse(STRANGER, address(gate), call, IConsensusGate.ZeroAmount.selector);
        call = abi.encodeCall(IConsensusGate.releaseBond, (0, AGENT));
        _refuse(AGENT, address(gate), call, IConsensusGate.ZeroAmount.selector);
    }

    /* ACCOUNTS */

    function test_anAccountObeysItsGateAndItsOwner() public {
        bytes memory call = abi.encodeCall(IGatedAccount.trade, (LONG, true, 1, 1));
        _refuse(OWNER, address(account), call, IUniswapAccount.NotGate.selector);
        call = abi.encodeCall(IGatedAccount.trade, (keccak256("other"), true, 1, 1));
        _refuse(address(gate), address(account), call, IUniswapAccount.NotListed.selector);
        vm.prank(OWNER);
        account.withdraw(cash, 7, STRANGER);
        require(cash.balanceOf(STRANGER) == 7, "withdrawn");
    }

    /* LINKS */

    function test_aLinkCountsWhileBothHaveOneOwner() public {
        IModelRegistry agents = IModelRegistry(_create("ModelRegistry", ""));
        IAgentLink links = IAgentLink(_create("AgentLink", abi.encode(registry, agents)));
        (uint256 model, uint256 agent) = (registry.register(OWNER), agents.register(OWNER));
        bytes memory call = abi.encodeCall(IAgentLink.link, (model, agent));
        _refuse(STRANGER, address(links), call, IAgentLink.NotOwnerOfModel.selector);
        uint256 strangers = agents.register(STRANGER);
        bytes memory stolen = abi.encodeCall(IAgentLink.link, (model, strangers));
        _refuse(OWNER, address(links), stolen, IAgentLink.NotOwnerOfAgent.selector);
        bytes memory end = abi.encodeCall(IAgentLink.unlink, (model));
        _refuse(OWNER, address(links), end, IAgentLink.NotLinked.selector);
        (, bool counts) = links.agentOf(model);
        require(!counts, "not linked");
        _succeed(OWNER, address(links), call);
        _succeed(OWNER, address(links), call);
        uint256 second = registry.register(OWNER);
        _succeed(OWNER, address(links), abi.encodeCall(IAgentLink.link, (second, agent)));
        (, counts) = links.agentOf(second);
        require(counts, "linked");
        vm.prank(OWNER);
        agents.transferFrom(OWNER, STRANGER, agent);
        (, counts) = links.modelOf(agent);
        require(!counts, "sold apart");
        end = abi.encodeCall(IAgentLink.unlink, (second));
        _refuse(ADMIN, address(links), end, IAgentLink.NotOwnerOfEither.selector);
        _succeed(STRANGER, address(links), end);
    }

    function test_aLinkToATokenThatIsNoMoreCountsNoMore() public {
        FragileRegistry agents = new FragileRegistry();
        IAgentLink links = IAgentLink(_create("AgentLink", abi.encode(registry, agents)));
        uint256 model = registry.register(address(this));
        links.link(model, 7);
        agents.burn();
        (, bool counts) = links.agentOf(model);
        require(!counts, "no more");
        links.unlink(model);
    }

    /* INTERNAL */

    function _twoOfAnOpenRound()
        private
        returns (ConsensusDocument.Consensus memory c, ConsensusDocument.Consensus memory other)
    {
        uint64 start = uint64(_now()) + 6 hours;
        vm.prank(OPERATOR);
        tournament.openRound(start - 1, start, start + 2 days, start + 9 days, _commitments(0));
        (c, other) = (_document(1), _document(1));
        other.root = 0;
    }

    function _wrong(uint256 field, bytes4 expected) private {
        ConsensusDocument.Consensus memory c = _document(1);
        if (field == 0) c.chainId = 1;
        if (field == 1) c.tournament = STRANGER;
        if (field == 2) c.memberSet = 0;
        if (field == 3) c.publishedAt += 16 minutes;
        if (field == 4) c.expiresAt = uint64(_now());
        if (field == 5) c.expiresAt = uint64(_now() + 181 days);
        if (field == 6) c.assets = 0;
        _refuse(STRANGER, address(verifier), _verifyCall(c, 3, 2), expected);
    }

    function _refuseVerifier(IConsensusVerifier.Home memory home, address[] memory set, uint256 quorum, bytes4 expected)
        private
    {
        _refuseCreation("ConsensusVerifier", _verifierArguments(home, 1, set, quorum), expected);
    }

    function _rotation(uint64 setId, uint256 nextQuorum, uint64 firstRound) private view returns (bytes memory) {
        bytes32 digest = verifier.rotationDigest(setId, firstRound, ConsensusDocument.setHash(members, nextQuorum));
        bytes memory signatures = _signed(digest, 2);
        return abi.encodeCall(
            IConsensusVerifier.rotate, (setId, firstRound, members, 2, members, nextQuorum, 3, signatures)
        );
    }

    function _refuseMessage(bytes memory payload, bytes4 expected) private {
        bytes memory call =
            abi.encodeWithSignature("receiveMessage(bytes32,bytes,bytes)", bytes32(0), bytes("home"), payload);
        _refuse(address(gateway), address(verifier), call, expected);
    }

    function _sender() private returns (IMemberSetSender) {
        return IMemberSetSender(_create("MemberSetSender", abi.encode(tournament, gateway, bytes("there"))));
    }

    function _refuseAct(IConsensusGate.Order memory order, bytes32 name, bytes4 expected) private {
        _refuse(AGENT, address(gate), _actCall(order, name), expected);
    }

    function _log(IConsensusGate.Order memory order, bytes32 name) private pure returns (IConsensusGate.Act memory) {
        return IConsensusGate.Act(
            order.account,
            AGENT,
            order.document,
            _hashOf(name),
            order.asset,
            order.buy,
            order.size,
            order.size,
            BOOK,
            LEAST_BOND
        );
    }

    function _equivocation(
        ConsensusDocument.Consensus memory first,
        ConsensusDocument.Consensus memory second,
        address second_
    ) private view returns (bytes memory) {
        return abi.encodeCall(
            ICommitteeConsensus.proveEquivocation, (first, _by(members[0], first), second, _by(second_, second))
        );
    }

    function _by(address member, ConsensusDocument.Consensus memory c) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keyOf[member], ConsensusDocument.digestOf(c));
        return abi.encodePacked(r, s, v);
    }
}

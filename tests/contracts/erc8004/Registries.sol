// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title TestIdentityRegistry
/// @notice An identity registry with ERC-8004's functions and events, for tests: npm has no published one. Left out are
/// agents' wallets, which nothing here uses.
contract TestIdentityRegistry is ERC721URIStorage {
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);

    uint256 private _count;
    mapping(uint256 agentId => mapping(string key => bytes)) private _metadata;

    constructor() ERC721("AgentIdentity", "AGENT") {}

    function register() external returns (uint256 agentId) {
        return _register("", new MetadataEntry[](0));
    }

    function register(string memory agentURI) external returns (uint256 agentId) {
        return _register(agentURI, new MetadataEntry[](0));
    }

    function register(string memory agentURI, MetadataEntry[] memory metadata) external returns (uint256 agentId) {
        return _register(agentURI, metadata);
    }

    function getMetadata(uint256 agentId, string memory metadataKey) external view returns (bytes memory) {
        return _metadata[agentId][metadataKey];
    }

    function setMetadata(uint256 agentId, string memory metadataKey, bytes memory metadataValue) external {
        _checkAuthorized(ownerOf(agentId), msg.sender, agentId);
        _setMetadata(agentId, metadataKey, metadataValue);
    }

    function setAgentURI(uint256 agentId, string calldata newURI) external {
        _checkAuthorized(ownerOf(agentId), msg.sender, agentId);
        _setTokenURI(agentId, newURI);
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    function isAuthorizedOrOwner(address spender, uint256 agentId) external view returns (bool) {
        return _isAuthorized(ownerOf(agentId), spender, agentId);
    }

    function _register(string memory agentURI, MetadataEntry[] memory metadata) private returns (uint256 agentId) {
        // From 0, as the deployed registry counts.
        agentId = _count++;
        _mint(msg.sender, agentId);
        _setTokenURI(agentId, agentURI);
        emit Registered(agentId, agentURI, msg.sender);
        for (uint256 i; i < metadata.length; ++i) {
            _setMetadata(agentId, metadata[i].metadataKey, metadata[i].metadataValue);
        }
    }

    function _setMetadata(uint256 agentId, string memory key, bytes memory value) private {
        _metadata[agentId][key] = value;
        emit MetadataSet(agentId, key, key, value);
    }
}

/// @title TestReputationRegistry
/// @notice A reputation registry with every function and event of ERC-8004, for tests: npm has no published one. How a
/// summary is computed is left to implementations: here the mean, with the most decimals that a value has.
contract TestReputationRegistry {
    event NewFeedback(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        int128 value,
        uint8 valueDecimals,
        string indexed indexedTag1,
        string tag1,
        string tag2,
        string endpoint,
        string feedbackURI,
        bytes32 feedbackHash
    );
    event FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex);
    event ResponseAppended(
        uint256 indexed agentId,
        address indexed clientAddress,
        uint64 feedbackIndex,
        address indexed responder,
        string responseURI,
        bytes32 responseHash
    );

    struct Feedback {
        int128 value;
        uint8 valueDecimals;
        bool isRevoked;
        string tag1;
        string tag2;
    }

    struct Found {
        address client;
        uint64 index;
        Feedback feedback;
    }

    TestIdentityRegistry private immutable _agents;

    /// @dev Feedback n of a client is at n - 1.
    mapping(uint256 agentId => mapping(address client => Feedback[])) private _given;
    mapping(uint256 agentId => address[]) private _clients;
    mapping(bytes32 feedback => address[]) private _responders;

    constructor(TestIdentityRegistry agents) {
        _agents = agents;
    }

    function getIdentityRegistry() external view returns (address identityRegistry) {
        return address(_agents);
    }

    function giveFeedback(
        uint256 agentId,
        int128 value,
        uint8 valueDecimals,
        string calldata tag1,
        string calldata tag2,
        string calldata endpoint,
        string calldata feedbackURI,
        bytes32 feedbackHash
    ) external {
        require(valueDecimals <= 18, "too many decimals");
        // Reverts for an agent that is none.
        require(!_agents.isAuthorizedOrOwner(msg.sender, agentId), "Self-feedback not allowed");
        Feedback[] storage given = _given[agentId][msg.sender];
        if (given.length == 0) _clients[agentId].push(msg.sender);
        given.push(Feedback(value, valueDecimals, false, tag1, tag2));
        emit NewFeedback(
            agentId,
            msg.sender,
            uint64(given.length),
            value,
            valueDecimals,
            tag1,
            tag1,
            tag2,
            endpoint,
            feedbackURI,
            feedbackHash
        );
    }

    function revokeFeedback(uint256 agentId, uint64 feedbackIndex) external {
        Feedback storage feedback = _at(agentId, msg.sender, feedbackIndex);
        require(!feedback.isRevoked, "Already revoked");
        feedback.isRevoked = true;
        emit FeedbackRevoked(agentId, msg.sender, feedbackIndex);
    }

    function appendResponse(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        string calldata responseURI,
        bytes32 responseHash
    ) external {
        _at(agentId, clientAddress, feedbackIndex);
        _responders[_nameOf(agentId, clientAddress, feedbackIndex)].push(msg.sender);
        emit ResponseAppended(agentId, clientAddress, feedbackIndex, msg.sender, responseURI, responseHash);
    }

    function getSummary(uint256 agentId, address[] calldata clientAddresses, string calldata tag1, string calldata tag2)
        external
        view
        returns (uint64 count, int128 summaryValue, uint8 summaryValueDecimals)
    {
        require(clientAddresses.length != 0, "clientAddresses required");
        Found[] memory found = _find(agentId, clientAddresses, tag1, tag2, false);
        for (uint256 i; i < found.length; ++i) {
            uint8 decimals = found[i].feedback.valueDecimals;
            if (decimals > summaryValueDecimals) summaryValueDecimals = decimals;
        }
        int256 sum;
        for (uint256 i; i < found.length; ++i) {
            Feedback memory each = found[i].feedback;
            sum += int256(each.value) * int256(10 ** (summaryValueDecimals - each.valueDecimals));
        }
        count = uint64(found.length);
        if (count != 0) summaryValue = int128(sum / int256(found.length));
    }

    function readFeedback(uint256 agentId, address clientAddress, uint64 feedbackIndex)
        external
        view
        returns (int128 value, uint8 valueDecimals, string memory tag1, string memory tag2, bool isRevoked)
    {
        Feedback memory found = _at(agentId, clientAddress, feedbackIndex);
        return (found.value, found.valueDecimals, found.tag1, found.tag2, found.isRevoked);
    }

    function readAllFeedback(
        uint256 agentId,
        address[] calldata clientAddresses,
        string calldata tag1,
        string calldata tag2,
        bool includeRevoked
    )
        external
        view
        returns (
            address[] memory clients,
            uint64[] memory feedbackIndexes,
            int128[] memory values,
            uint8[] memory valueDecimals,
            string[] memory tag1s,
            string[] memory tag2s,
            bool[] memory revokedStatuses
        )
    {
        address[] memory whose = clientAddresses;
        if (whose.length == 0) whose = _clients[agentId];
        Found[] memory found = _find(agentId, whose, tag1, tag2, includeRevoked);
        uint256 count = found.length;
        (clients, feedbackIndexes, values) = (new address[](count), new uint64[](count), new int128[](count));
        (valueDecimals, revokedStatuses) = (new uint8[](count), new bool[](count));
        (tag1s, tag2s) = (new string[](count), new string[](count));
        for (uint256 i; i < count; ++i) {
            (clients[i], feedbackIndexes[i]) = (found[i].client, found[i].index);
            (values[i], valueDecimals[i]) = (found[i].feedback.value, found[i].feedback.valueDecimals);
            (tag1s[i], tag2s[i]) = (found[i].feedback.tag1, found[i].feedback.tag2);
            revokedStatuses[i] = found[i].feedback.isRevoked;
        }
    }

    function getResponseCount(
        uint256 agentId,
        address clientAddress,
        uint64 feedbackIndex,
        address[] calldata responders
    ) external view returns (uint64 count) {
        address[] memory given = _responders[_nameOf(agentId, clientAddress, feedbackIndex)];
        if (responders.length == 0) return uint64(given.length);
        for (uint256 i; i < given.length; ++i) {
            for (uint256 j; j < responders.length; ++j) {
                if (given[i] == responders[j]) ++count;
            }
        }
    }

    function getClients(uint256 agentId) external view returns (address[] memory) {
        return _clients[agentId];
    }

    function getLastIndex(uint256 agentId, address clientAddress) external view returns (uint64) {
        return uint64(_given[agentId][clientAddress].length);
    }

    function _find(
        uint256 agentId,
        address[] memory clients,
        string calldata tag1,
        string calldata tag2,
        bool includeRevoked
    ) private view returns (Found[] memory found) {
        uint256 most;
        for (uint256 i; i < clients.length; ++i) {
            most += _given[agentId][clients[i]].length;
        }
        found = new Found[](most);
        uint256 count;
        for (uint256 i; i < clients.length; ++i) {
            Feedback[] storage given = _given[agentId][clients[i]];
            for (uint256 j; j < given.length; ++j) {
                bool isMeant = _matches(tag1, given[j].tag1) && _matches(tag2, given[j].tag2);
                if (!isMeant || (given[j].isRevoked && !includeRevoked)) continue;
                found[count++] = Found(clients[i], uint64(j + 1), given[j]);
            }
        }
        assembly {
            mstore(found, count)
        }
    }

    /// @dev An empty filter takes everything.
    function _matches(string calldata filter, string storage tag) private view returns (bool) {
        return bytes(filter).length == 0 || keccak256(bytes(filter)) == keccak256(bytes(tag));
    }

    function _at(uint256 agentId, address client, uint64 index) private view returns (Feedback storage) {
        Feedback[] storage given = _given[agentId][client];
        require(index != 0 && index <= given.length, "index out of bounds");
        return given[index - 1];
    }

    function _nameOf(uint256 agentId, address client, uint64 index) private pure returns (bytes32) {
        return keccak256(abi.encode(agentId, client, index));
    }
}

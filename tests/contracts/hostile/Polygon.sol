// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// Polygon's RootChain, as far as it is read: anybody posts a checkpoint here.
contract CheckpointStore {
    struct HeaderBlock {
        bytes32 root;
        uint256 start;
        uint256 end;
        uint256 createdAt;
        address proposer;
    }

    mapping(uint256 => HeaderBlock) public headerBlocks;

    function post(uint256 number, bytes32 root, uint256 start, uint256 end) external {
        headerBlocks[number] = HeaderBlock(root, start, end, block.timestamp, msg.sender);
    }
}

/// Polygon's StateSender: counts what is to be read on the other chain.
contract StateSender {
    uint256 public counter;

    event StateSynced(uint256 indexed id, address indexed contractAddress, bytes data);

    function syncState(address receiver, bytes calldata data) external {
        emit StateSynced(++counter, receiver, data);
    }
}

/// Receives messages in whatever way it is told to.
contract FickleReceiver {
    enum Mood {
        Takes,
        Refuses,
        SaysNothing,
        AnswersOtherwise,
        ShoutsBack,
        UsesAllGas,
        CallsBack
    }

    error Refused(uint256 number);

    Mood public mood;
    bytes public callsBack;
    bytes32 public lastId;
    bytes public lastSender;
    bytes public lastPayload;
    uint256 public received;
    bool public callBackWorked;

    function set(Mood mood_, bytes calldata callsBack_) external {
        mood = mood_;
        callsBack = callsBack_;
    }

    function receiveMessage(bytes32 id, bytes calldata sender, bytes calldata payload)
        external
        payable
        returns (bytes4)
    {
        if (mood == Mood.Refuses) revert Refused(7);
        if (mood == Mood.SaysNothing) {
            assembly {
                revert(0, 0)
            }
        }
        if (mood == Mood.AnswersOtherwise) return 0xdeadbeef;
        if (mood == Mood.ShoutsBack) {
            assembly {
                revert(0, 200000)
            }
        }
        if (mood == Mood.UsesAllGas) {
            assembly {
                invalid()
            }
        }
        if (mood == Mood.CallsBack) (callBackWorked,) = msg.sender.call(callsBack);
        (lastId, lastSender, lastPayload) = (id, sender, payload);
        ++received;
        return this.receiveMessage.selector;
    }
}

/// A child token of the PoS portal that says it withdrew, and burned what it pleases.
contract LyingChild {
    uint256 public burns;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    constructor(uint256 burns_) {
        burns = burns_;
    }

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
        totalSupply += amount;
    }

    function withdraw(uint256) external {
        totalSupply -= burns;
        balanceOf[msg.sender] -= burns;
    }
}

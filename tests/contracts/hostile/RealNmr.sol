// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Behaves as the NMR of 2017 does on Ethereum (0x1776e1F26f98b1A5dF9cD347953a26dd3Cb46671) since 2019, as far as
/// its callers can tell. Written from its verified source of solidity 0.4:
/// - a call that it does not know succeeds, answers nothing, and changes nothing;
/// - what it refuses itself ends in an invalid instruction, which takes all gas, and gives no reason;
/// - transfers and approvals take calldata of the exact length alone;
/// - an allowance changes from zero or to zero alone;
/// - it has no permit, and no `burn(uint256)`;
/// - `mint`, `numeraiTransfer` and `withdraw` go to a delegate: where that reverts they answer false, and do not revert.
///   `mint` burns the caller's tokens, `numeraiTransfer` another's out of an allowance; `withdraw` is the relay's.
abstract contract RealNmrStorage {
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;
    uint256 public totalSupply;
    address internal delegate;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
}

contract RealNmr is RealNmrStorage {
    string public constant name = "Numeraire";
    string public constant symbol = "NMR";
    uint256 public constant decimals = 18;

    constructor(address holder, uint256 supply, address relay) {
        delegate = address(new RealNmrDelegate(relay));
        balanceOf[holder] = totalSupply = supply;
        emit Transfer(address(0), holder, supply);
    }

    fallback() external payable {}

    modifier onlyPayloadSize(uint256 words) {
        _throwUnless(msg.data.length == 4 + 32 * words);
        _;
    }

    function transfer(address to, uint256 value) external onlyPayloadSize(2) returns (bool ok) {
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external onlyPayloadSize(3) returns (bool ok) {
        _throwUnless(allowance[from][msg.sender] >= value);
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external onlyPayloadSize(2) returns (bool ok) {
        _throwUnless(value == 0 || allowance[msg.sender][spender] == 0);
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function changeApproval(address spender, uint256 oldValue, uint256 newValue)
        external
        onlyPayloadSize(3)
        returns (bool ok)
    {
        _throwUnless(allowance[msg.sender][spender] == oldValue);
        allowance[msg.sender][spender] = newValue;
        emit Approval(msg.sender, spender, newValue);
        return true;
    }

    function mint(uint256) external returns (bool ok) {
        return _delegated();
    }

    function numeraiTransfer(address, uint256) external returns (bool ok) {
        return _delegated();
    }

    function withdraw(address, address, uint256) external returns (bool ok) {
        return _delegated();
    }

    function _delegated() private returns (bool ok) {
        (ok,) = delegate.delegatecall(msg.data);
    }

    function _move(address from, address to, uint256 value) private {
        _throwUnless(balanceOf[from] >= value);
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }

    function _throwUnless(bool condition) private pure {
        if (condition) return;
        assembly ("memory-safe") {
            invalid()
        }
    }
}

contract RealNmrDelegate is RealNmrStorage {
    address private immutable _relay;

    constructor(address relay) {
        _relay = relay;
    }

    function mint(uint256 value) external returns (bool ok) {
        _burn(msg.sender, value);
        return true;
    }

    function numeraiTransfer(address from, uint256 value) external returns (bool ok) {
        allowance[from][msg.sender] -= value;
        _burn(from, value);
        emit Approval(from, msg.sender, allowance[from][msg.sender]);
        return true;
    }

    function withdraw(address from, address to, uint256 value) external returns (bool ok) {
        require(msg.sender == _relay && to != address(0));
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }

    function _burn(address account, uint256 value) private {
        totalSupply -= value;
        balanceOf[account] -= value;
        emit Transfer(account, address(0), value);
    }
}

/// @notice NMR whose delegate says that it burned, and did not, or not all of it.
contract LyingNmr {
    mapping(address account => uint256) public balanceOf;
    uint256 public totalSupply;

    bool private immutable _answer;
    uint256 private immutable _fromBalance;
    uint256 private immutable _fromSupply;

    constructor(bool answer, uint256 fromBalance, uint256 fromSupply) {
        (_answer, _fromBalance, _fromSupply) = (answer, fromBalance, fromSupply);
    }

    function give(address to, uint256 value) external {
        balanceOf[to] += value;
        totalSupply += value;
    }

    function mint(uint256) external returns (bool) {
        balanceOf[msg.sender] -= _fromBalance;
        totalSupply -= _fromSupply;
        return _answer;
    }
}

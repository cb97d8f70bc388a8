"""From a sealed round and its outcome to scores, rewards and a report; and their verification."""

"""Where rounds are kept: the files of a round's bundle."""

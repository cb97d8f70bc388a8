"""The oracle: observe the chain and the files, decide what is left to do, do it. And the operator."""

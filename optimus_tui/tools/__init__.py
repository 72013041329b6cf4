"""The seven tools: one async function each, over probes, verdicts and history. They read; they cannot write.

(One exception, named in the contract: the cache test writes and unlinks a key of its own.)
"""

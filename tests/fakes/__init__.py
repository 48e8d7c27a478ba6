"""The messengers, played: stateful, strict, over real sockets. The unmodified SDKs connect to them.

    server    an aiohttp application on a port of its own, in a thread of its own
    slack, dingtalk, wecom    one each; `python -m tests.fakes.slack` runs one by hand

A fake refuses what the messenger refuses, signs or encrypts what it sends, and writes down in `wrong` whatever the
product did that the messenger would not have liked: a test that ends with something there has failed.
"""

"""What a fake that is run by hand prints: settings of the product, to be pasted into a shell."""

import shlex


def exports(messenger: str, **values: object) -> str:
    """`api_url="…"` is HUIKUAN_<MESSENGER>_API_URL; names with a capital letter stand as they are."""
    named = {name if name[0].isupper() else f"HUIKUAN_{messenger}_{name}".upper(): value for name, value in values.items()}
    everything = {"HUIKUAN_MESSENGERS": messenger, **named, "NO_PROXY": "127.0.0.1"}
    return "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in everything.items())

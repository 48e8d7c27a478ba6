"""Settings: every key, once. `HUIKUAN_*` in the environment wins over huikuan.toml; secrets are never shown."""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

from core.errors import ConfigError
from core.names import messenger

if TYPE_CHECKING:
    from core.work import Company

PREFIX = "HUIKUAN_"
DEFAULT_FILE = "huikuan.toml"
MESSENGERS = ("local", "slack", "dingtalk", "wecom")
# Read by the tests and by the command line itself, not settings of the product.
NOT_SETTINGS = ("HUIKUAN_CI", "HUIKUAN_TEST_DATABASE_URL", "HUIKUAN_UPDATE_CARDS", "HUIKUAN_NODE_MODULES", "HUIKUAN_DEBUG")
SHORTEST_SECRET = 16  # characters
SECRETS = ("database_url", "smtp_url", "imap_url")
GROUP_SECRETS = {
    "slack": ("bot_token", "app_token", "signing_secret"),
    "dingtalk": ("client_secret",),
    "wecom": ("secret", "token", "aes_key", "bot_secret"),
    "webhook": ("secret", "old_secret"),
}


class _Wrong(ValueError):
    """A value that can't be, with facts for its sentence: `value` and `allowed`, or `shortest`."""

    def __init__(self, text: str, **facts: object) -> None:
        super().__init__(text)
        self.facts = facts


class CompanyProfile(BaseModel):
    """`[company]`: what letters say about us. Without name, bank account and signature no letter goes out."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: str = Field("", description="name of the own company")
    name_en: str = Field("", description="its English name")
    bank_account: str = Field("", description="where customers pay to; may have several lines")
    signature: str = Field("", description="who signs letters")
    phone: str = Field("", description="the number in letters")


class CalendarDays(BaseModel):
    """`[calendar_days]`: days that the built-in calendar does not know (next year's 调休)."""

    model_config = ConfigDict(extra="forbid")
    work: list[date] = Field(default_factory=list, description="working days, whatever the calendar says")
    off: list[date] = Field(default_factory=list, description="days off, whatever the calendar says")


class SlackSettings(BaseModel):
    """`[slack]`: an app of your workspace, see docs/setup-slack.md."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)
    bot_token: SecretStr = Field(SecretStr(""), description="bot token, xoxb-…")
    app_token: SecretStr = Field(SecretStr(""), description="app-level token for Socket Mode, xapp-…")
    signing_secret: SecretStr = Field(SecretStr(""), description="signing secret, for HTTP events only")
    mode: Literal["socket", "http"] = Field("socket", description="socket (no public address needed) or http")
    api_url: str = Field("https://slack.com/api/", description="address of the Web API")


class DingtalkSettings(BaseModel):
    """`[dingtalk]`: an internal app with a robot, see docs/setup-dingtalk.md."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)
    client_id: str = Field("", description="Client ID (AppKey) of the app")
    client_secret: SecretStr = Field(SecretStr(""), description="Client Secret (AppSecret)")
    robot_code: str = Field("", description="RobotCode; empty = the Client ID")
    card_template: str = Field("", description="id of the imported card template; empty = text with links")
    corp_id: str = Field("", description="CorpId: callbacks of other companies are refused")
    todo_creator: str = Field("", description="unionId in whose name tasks are mirrored as DingTalk to-dos; empty = off")
    monthly_calls: int = Field(10_000, ge=0, description="API calls a month that the edition includes; doctor warns at 80 %")
    api_url: str = Field("https://api.dingtalk.com", description="address of the API")
    oapi_url: str = Field("https://oapi.dingtalk.com", description="address of the older API")


class WecomSettings(BaseModel):
    """`[wecom]`: a self-built app, or a robot on a long connection, see docs/setup-wecom.md."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)
    corp_id: str = Field("", description="企业 ID")
    agent_id: int = Field(0, ge=0, description="AgentId of the app")
    secret: SecretStr = Field(SecretStr(""), description="Secret of the app")
    token: SecretStr = Field(SecretStr(""), description="Token of the callback")
    aes_key: SecretStr = Field(SecretStr(""), description="EncodingAESKey of the callback, 43 characters")
    api_url: str = Field("https://qyapi.weixin.qq.com", description="address of the API")
    oauth_url: str = Field("https://open.weixin.qq.com", description="address of the sign-in page")
    transport: Literal["app", "aibot"] = Field(
        "app", description="app (self-built app), or aibot (智能机器人 on a long connection: no public address, can do less)"
    )
    bot_id: str = Field("", description="Bot ID of the 智能机器人, for aibot only")
    bot_secret: SecretStr = Field(SecretStr(""), description="Secret of its long connection, for aibot only")
    aibot_url: str = Field("wss://openws.work.weixin.qq.com", description="address of the long connection, for aibot only")


class WebhookSettings(BaseModel):
    """`[webhook]`: the order system that is told of every change, see docs/api.md."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)
    url: str = Field("", description="where events go; https, except on this machine")
    secret: SecretStr = Field(SecretStr(""), description="signs events; at least 16 characters")
    old_secret: SecretStr = Field(SecretStr(""), description="signs them, too, until the receiver knows the new secret")
    keep_days: int = Field(90, ge=1, le=3650, description="days for which events are kept after they were accepted")

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            fits = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
        except ValueError:
            fits = False
        here = fits and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if value and not (fits and value.isascii() and (parts.scheme == "https" or (parts.scheme == "http" and here))):
            raise ValueError("https://HOST/PATH, http://localhost:PORT/PATH")
        return value

    @field_validator("secret", "old_secret")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SHORTEST_SECRET:
            raise _Wrong(f"≥ {SHORTEST_SECRET}", shortest=SHORTEST_SECRET)
        return value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", hide_input_in_errors=True,
        str_strip_whitespace=True, env_ignore_empty=True,
    )  # fmt: skip

    database_url: SecretStr = Field(
        SecretStr("sqlite:///var/huikuan.db"), description="sqlite:///FILE or postgresql://user:password@host/name"
    )
    messengers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local",), description="messengers in order of preference: local, slack, dingtalk, wecom"
    )
    lang: Literal["zh", "en"] = Field("zh", description="language of the company: zh or en")
    timezone: str = Field("Asia/Shanghai", description="the company's time zone")
    calendar: str = Field("CN", description="country of the work calendar")
    currency: str = Field("CNY", description="the company's currency")
    public_url: str = Field("", description="the address under which messengers and people reach this server")
    letters: Literal["off", "review", "send"] | None = Field(
        None, description="overrides the policy's switch for letters: off, review or send"
    )
    letters_dir: Path = Field(Path("var/letters"), description="where letters of demand are written for a human to send")
    smtp_url: SecretStr = Field(SecretStr(""), description="outgoing mail: smtp://user:password@host:587")
    mail_from: str = Field("", description="sender of letters")
    imap_url: SecretStr = Field(SecretStr(""), description="mailbox of the answers: imaps://user:password@host")
    company: CompanyProfile = Field(default_factory=CompanyProfile, description="the own company, for letters")
    calendar_days: CalendarDays = Field(default_factory=CalendarDays, description="extra working days and days off")
    slack: SlackSettings = Field(default_factory=SlackSettings, description="the Slack app")
    dingtalk: DingtalkSettings = Field(default_factory=DingtalkSettings, description="the DingTalk app")
    wecom: WecomSettings = Field(default_factory=WecomSettings, description="the WeCom app")
    webhook: WebhookSettings = Field(default_factory=WebhookSettings, description="the order system that takes events")

    @field_validator("messengers", mode="before")
    @classmethod
    def _messengers(cls, value: Any) -> tuple[str, ...]:
        typed = re.split("[,，、]", value) if isinstance(value, str) else list(value)
        called = [text for name in typed if (text := str(name).strip())]
        unknown = [name for name in called if messenger(name) is None]
        if unknown or not called:
            raise _Wrong("unknown", value=", ".join(unknown), allowed=", ".join(MESSENGERS))
        return tuple(dict.fromkeys(found for name in called if (found := messenger(name)) is not None))

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise _Wrong("unknown", value=value, allowed="Asia/Shanghai, Europe/Berlin, …") from None
        return value

    @field_validator("calendar")
    @classmethod
    def _calendar(cls, value: str) -> str:
        value = value.upper()
        if value != "CN":
            import holidays

            if value not in holidays.list_supported_countries():
                raise _Wrong("unknown", value=value, allowed="CN, HK, US, DE, …")
        return value

    @field_validator("currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        from core.money import known_currency

        if not known_currency(value.upper()):
            raise _Wrong("unknown", value=value, allowed="CNY, USD, EUR, …")
        return value.upper()

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: SecretStr) -> SecretStr:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            backend = make_url(value.get_secret_value()).get_backend_name()
        except (ArgumentError, ValueError):
            backend = ""
        if backend not in ("sqlite", "postgresql"):
            raise ValueError("sqlite:///FILE, postgresql://HOST/NAME")
        return value

    @property
    def database(self) -> str:
        """The database's URL, password included: for the driver only."""
        return self.database_url.get_secret_value()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def real_messengers(self) -> tuple[str, ...]:
        """Those that reach people outside this machine."""
        return tuple(name for name in self.messengers if name != "local")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (_Environment(settings_cls), init_settings)


class _Environment(EnvSettingsSource):
    """The environment; `HUIKUAN_X_FILE` names a file with the value of `HUIKUAN_X`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = dict(super()._load_env_vars())
        known = {name.lower() for name in environment_names()}
        for key, path in list(found.items()):
            name = key.removesuffix("_file")
            if name == key or key in known or name not in known or not path:
                continue
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise ConfigError("settings.secret_file", key=key.upper(), file=path) from None
            del found[key]  # in a section it would be taken for a setting of that name
            if not found.get(name):
                found[name] = value
        return found


def environment_names() -> dict[str, str]:
    """Every variable and what it is for, in order: the reference that docs and `doctor` use."""
    names: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for part, sub in inner.model_fields.items():
                names[f"{PREFIX}{name}_{part}".upper()] = sub.description or ""
        else:
            names[f"{PREFIX}{name}".upper()] = field.description or ""
    return names


def unknown_environment(environ: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """(name, the nearest known one or "") of each `HUIKUAN_*` variable that nobody reads."""
    import difflib

    known = environment_names()
    allowed = {*known, *NOT_SETTINGS, *(name + "_FILE" for name in known)}
    # HUIKUAN_COMPANY as one JSON document is pydantic's own way, and fine.
    allowed |= {(PREFIX + name).upper() for name in Settings.model_fields}
    unknown = sorted(name for name in environ if name.upper().startswith(PREFIX) and name.upper() not in allowed)
    rests = [name.removeprefix(PREFIX) for name in known]  # what all of them begin with makes none of them nearer
    near = {name: difflib.get_close_matches(name.upper().removeprefix(PREFIX), rests, 1, 0.6) for name in unknown}
    return [(name, PREFIX + found[0] if found else "") for name, found in near.items()]


def load(config: Path | None = None) -> Settings:
    """The settings of the environment and of `config` (default: huikuan.toml, if there is one). Errors: ConfigError."""
    path = config or Path(DEFAULT_FILE)
    values = _read(path) if config or path.is_file() else {}
    try:
        return Settings(**values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        here = str(path) if problem["loc"] and problem["loc"][0] in values else ""
        if problem["type"] == "extra_forbidden":
            raise ConfigError("settings.unknown_key", key=key, file=here, near=_nearest(key)) from None
        detail = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "literal_error":
            detail = str(problem["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        variable = (PREFIX + key.replace(".", "_")).upper()
        where = {"file": here} if here and variable not in os.environ else {"variable": variable}
        told = problem.get("ctx", {}).get("error")
        facts = told.facts if isinstance(told, _Wrong) else {}
        raise ConfigError("settings.invalid", key=key, detail=detail, **facts, **where) from None
    except ConfigError:
        raise
    except Exception as error:  # pydantic-settings: a value of the environment that is no JSON
        raise ConfigError("settings.invalid", key=PREFIX + "…", detail=type(error).__name__) from None


def _nearest(key: str) -> str:
    import difflib

    known = [*Settings.model_fields, *(f"company.{name}" for name in CompanyProfile.model_fields)]
    return next(iter(difflib.get_close_matches(key, known, 1, 0.6)), "")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError("settings.no_file", file=str(path), detail=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("settings.not_toml", file=str(path), detail=str(error)) from None
    for key in SECRETS:
        if key in values and _has_password(str(values[key])):
            raise ConfigError("settings.secret_in_file", key=key, file=str(path), variable=(PREFIX + key).upper())
    for group, keys in GROUP_SECRETS.items():
        found = values.get(group)
        for key in keys:
            if isinstance(found, dict) and found.get(key):
                variable = f"{PREFIX}{group}_{key}".upper()
                raise ConfigError("settings.secret_in_file", key=f"{group}.{key}", file=str(path), variable=variable)
    return values


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return True


def to_company(settings: Settings) -> "Company":
    from core.time import Calendar
    from core.work import Company, Profile

    days = settings.calendar_days
    overrides = {**dict.fromkeys(days.work, True), **dict.fromkeys(days.off, False)}
    return Company(
        calendar=Calendar(settings.zone, settings.calendar, overrides),
        currency=settings.currency,
        lang=settings.lang,
        profile=Profile(**settings.company.model_dump()),
        letters=settings.letters,
        messengers=settings.messengers,
        webhooks=bool(settings.webhook.url),
        webhook_days=settings.webhook.keep_days,
    )

"""The sample company: people and customers out of old stories, with addresses that nobody can have (RFC 2606)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert

from core.models import Contact, Customer, Person
from core.models.base import table_of
from core.search import index_text
from core.work import Profile, Work

PROFILE = Profile(
    name="紫霞精密机械（示例）有限公司",
    name_en="Zixia Precision Machinery (Sample) Co., Ltd.",
    bank_account="紫霞精密机械（示例）有限公司\n示例银行长安支行 6200 0000 0000 0000 000",
    signature="紫霞精密机械（示例）有限公司 财务部",
    phone="021-5555 0100",
)


@dataclass(frozen=True, slots=True)
class Who:
    handle: str
    name: str
    role: str
    manager: str = ""
    region: str = ""


# Managers stand above their people.
PEOPLE = (
    Who("xuwenbin", "徐文彬", "management"),
    Who("zhengkai", "郑凯", "sales_director", "xuwenbin"),
    Who("wutao", "吴涛", "finance_director", "xuwenbin"),
    Who("hejing", "何静", "finance_manager", "wutao"),
    Who("zhoumin", "周敏", "finance", "hejing"),
    Who("wangjianguo", "王建国", "sales_manager", "zhengkai", "华东"),
    Who("sunlihua", "孙丽华", "sales_manager", "zhengkai", "华南"),
    Who("lina", "李娜", "rep", "wangjianguo", "华东"),
    Who("chenhao", "陈浩", "rep", "wangjianguo", "华东"),
    Who("zhaoxue", "赵雪", "rep", "sunlihua", "华南"),
    Who("liuyang", "刘洋", "rep", "sunlihua", "华北"),
    Who("linyue", "林悦", "rep", "sunlihua", "海外"),
    Who("yangfan", "杨帆", "admin", "xuwenbin"),
)


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer. `monthly` is a usual invoice in major units, `limit` the credit limit in ten thousands."""

    code: str
    name: str
    short: str
    slug: str
    owner: str
    region: str
    rating: str
    monthly: int
    days: int = 30
    limit: int | None = None
    type: str = ""
    currency: str = "CNY"
    finance: str = ""
    business: str = ""
    alias: str = ""


def _buyer(line: str) -> Buyer:
    parts = [part.strip() for part in line.split("|")]
    code, name, short, slug, owner, region, rating, monthly, days, limit, type_, currency, finance, business, alias = parts
    return Buyer(
        code, name, short, slug, owner, region, rating, int(monthly), int(days), int(limit) if limit else None,
        type_, currency, finance, business, alias,
    )  # fmt: skip


# code | name | short name | domain | owner | region | rating | usual invoice | days | limit in ten thousands | type
#      | currency | finance contact | business contact | alias
_BUYERS = """
C001|花果山果业机械有限公司|花果山果业|huaguoshan|lina|华东|B|186000|30|60|直销|CNY|孙巧云|侯立新|花果山
C002|水帘洞饮品设备有限公司|水帘洞饮品|shuiliandong|lina|华东|A|96000|30|40|直销|CNY|袁清|马志远|
C003|广寒宫制冷设备有限公司|广寒宫制冷|guanghangong|lina|华东|C|134000|45|45|直销|CNY|常娥梅|吴刚毅|
C004|高老庄农机有限公司|高老庄农机|gaolaozhuang|lina|华东|C|152000|30|30|经销|CNY|高翠兰|朱进财|
C005|筋斗云物流装备有限公司|筋斗云物流|jindouyun|lina|华东|B|118000|30|35|直销|CNY|云霄霞|孙有空|
C006|桃花源食品机械有限公司|桃花源食品|taohuayuan|lina|华东|B|124000|30||直销|CNY|陶晓溪|刘子骥|
C007|五行山建材有限公司|五行山建材|wuxingshan|lina|华东|D|88000|60|20|经销|CNY|金木兰|石磊|
C008|瑶池纺织机械有限公司|瑶池纺织|yaochi|lina|华东|A|76000|30|30|直销|CNY|王织云|董勇|
C009|蟠桃园包装有限公司|蟠桃园包装|pantaoyuan|lina|华东|B|64000|45||直销|CNY|陶小仙|土地全|
C010|蓬莱岛机电有限公司|蓬莱岛机电|penglaidao|chenhao|华东|A|210000|60|80|直销|CNY|安期玲|徐福海|
C011|流沙河航运设备有限公司|流沙河航运|liushahe|chenhao|华东|B|143000|30|45|直销|CNY|沙静|沙和平|
C012|不周山重工有限公司|不周山重工|buzhoushan|chenhao|华东|D|265000|60|80|直销|CNY|祝融融|龚功|
C013|大观园园林机械有限公司|大观园园林|daguanyuan|chenhao|华东|B|58000|30|20|经销|CNY|贾惜云|林如山|
C014|潇湘馆办公设备有限公司|潇湘馆办公|xiaoxiangguan|chenhao|华东|C|47000|30||经销|CNY|林絮|紫鹃|
C015|稻香村外农具有限公司|稻香农具|daoxiangcunwai|chenhao|华东|A|52000|30|20|经销|CNY|李纨素|贾兰|
C016|君子国商贸有限公司|君子国商贸|junziguo|chenhao|华东|A|83000|30|30|经销|CNY|吴之和|吴之祥|
C017|火焰山热能设备有限公司|火焰山热能|huoyanshan|zhaoxue|华南|C|176000|45|45|直销|CNY|罗刹云|牛大力|
C018|女儿国日化机械有限公司|女儿国日化|nverguo|zhaoxue|华南|A|91000|30|35|直销|CNY|西梁月|唐安|
C019|通天河水务设备有限公司|通天河水务|tongtianhe|zhaoxue|华南|B|132000|30|50|直销|CNY|陈清|袁灵龟|
C020|东海龙宫海工装备有限公司|龙宫海工|longgonghaigong|zhaoxue|华南|B|298000|60|90|直销|CNY|敖听心|敖广平|龙宫
C021|南天门门业有限公司|南天门门业|nantianmen|zhaoxue|华南|C|67000|30|15|经销|CNY|魔礼红|增长旺|
C022|芭蕉洞风机有限公司|芭蕉洞风机|bajiaodong|zhaoxue|华南|D|109000|30|20|经销|CNY|铁扇|牛小红|
C023|珠贝阙珠宝设备有限公司|珠贝阙珠宝|zhubeique|zhaoxue|华南|B|45000|30||直销|CNY|蚌珍珠|鲛人泪|
C024|荔枝驿冷链有限公司|荔枝驿冷链|lizhiyi|zhaoxue|华南|B|78000|30|25|直销|CNY|杨环|高力强|
C025|镜花缘玻璃机械有限公司|镜花缘玻璃|jinghuayuan|zhaoxue|华南|A|115000|45|45|直销|CNY|唐小山|多九公|
C026|黑风山仓储有限公司|黑风山仓储|heifengshan|liuyang|华北|C|98000|30|25|直销|CNY|熊静|金池|
C027|莲花洞采掘设备有限公司|莲花洞采掘|lianhuadong|liuyang|华北|B|224000|60|80|直销|CNY|金晓角|银立角|
C028|雷音阁音响设备有限公司|雷音阁音响|leiyinge|liuyang|华北|A|69000|30|25|直销|CNY|黄眉|迦叶明|
C029|白骨洞医械有限公司|白骨洞医械|baigudong|liuyang|华北|D|87000|30|10|经销|CNY|白晶晶|白尚德|
C030|狮驼岭矿山机械有限公司|狮驼岭矿机|shituoling|liuyang|华北|B|187000|45|60|直销|CNY|青狮|鹏程|
C031|盘丝洞线缆有限公司|盘丝洞线缆|pansidong|liuyang|华北|C|92000|30|25|经销|CNY|朱丝语|朱丝雨|
C032|凌霄阁起重机有限公司|凌霄阁起重|lingxiaoge|liuyang|华北|A|241000|60|100|直销|CNY|张玉|李长庚|
C033|兜率宫化工装备有限公司|兜率宫化工|doushuaigong|liuyang|华北|B|156000|30|50|直销|CNY|金炉|银炉|
C034|无底洞钻探有限公司|无底洞钻探|wudidong||华北|C|74000|30||直销|CNY|地涌|白鼠|
C035|天蓬水产装备有限公司|天蓬水产|tianpeng|liuyang|华北|B|61000|30|20|直销|CNY|卯二妹|高翠|
C036|Lilliput Instruments Ltd.|Lilliput|lilliput|linyue|海外|A|18500|30|8|overseas|USD|Mary Gull|Tom Flim|
C037|Brobdingnag Heavy Lift Inc.|Brobdingnag|brobdingnag|linyue|海外|C|64000|45|15|overseas|USD|Glum Dalclitch|Ben Farmer|
C038|Laputa Optics GmbH|Laputa Optics|laputa|linyue|海外|B|27500|30|10|overseas|EUR|Ada Flapper|Otto Magnet|
C039|Barataria Foods S.L.|Barataria|barataria|linyue|海外|B|12800|30|5|overseas|EUR|Sancha Panza|Pedro Recio|
C040|Houyhnhnm Saddlery LLC|Houyhnhnm|houyhnhnm|linyue|海外|A|9600|30|4|overseas|USD|Grey Mare|Sorrel Nag|
"""
BUYERS = tuple(_buyer(line) for line in _BUYERS.strip().splitlines())
BY_CODE = {buyer.code: buyer for buyer in BUYERS}


def found(work: Work) -> tuple[dict[str, int], dict[str, int]]:
    """Writes people and customers. Returns their ids, by handle and by code."""
    session = work.session
    people: dict[str, int] = {}
    for who in PEOPLE:
        person = Person(
            handle=who.handle, name=who.name, roles=[who.role], manager_id=people.get(who.manager),
            region=who.region if who.role == "rep" else "", email=f"{who.handle}@zixia.example", source="demo",
        )  # fmt: skip
        session.add(person)
        session.flush()
        people[who.handle] = person.id or 0
    rows = [_customer(number, buyer, people) for number, buyer in enumerate(BUYERS, 1)]
    session.execute(insert(table_of(Customer)), rows)
    session.execute(insert(table_of(Contact)), [row for n, b in enumerate(BUYERS, 1) for row in _contacts(n, b)])
    return people, {buyer.code: number for number, buyer in enumerate(BUYERS, 1)}


def _customer(number: int, buyer: Buyer, people: dict[str, int]) -> dict[str, Any]:
    aliases = [buyer.alias] if buyer.alias else []
    return {
        "id": number,
        "code": buyer.code,
        "name": buyer.name,
        "short_name": buyer.short,
        "aliases": aliases,
        "owner_id": people.get(buyer.owner),
        "region": buyer.region,
        "type": buyer.type,
        "group_name": "",
        "tags": [],
        "rating": buyer.rating,
        "credit_limit_minor": buyer.limit * 10_000 * 100 if buyer.limit is not None else None,
        "terms": f"NET{buyer.days}",
        "currency": buyer.currency,
        "language": "en" if buyer.region == "海外" else "zh",
        "no_letters": False,
        "phone": "",
        "tax_id": "",
        "address": "",
        "extra": {},
        "search": index_text(buyer.code, buyer.name, buyer.short, aliases),
        "source": "demo",
        "edited": [],
    }


def _contacts(number: int, buyer: Buyer) -> list[dict[str, Any]]:
    given = (("finance", buyer.finance), ("business", buyer.business))
    return [
        {"customer_id": number, "type": kind, "name": name, "email": f"{kind}@{buyer.slug}.example", "phone": ""}
        for kind, name in given
        if not (kind == "finance" and buyer.code in NO_CONTACT)
    ]


NO_CONTACT = frozenset({"C035"})  # nobody to write letters to: their owner's card says so

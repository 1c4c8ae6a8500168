"""Ready-made examples, as textbooks have them: each fills in a form."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Example:
    """Texts to compare, or to rank for `query`; `dimensions` and `quantise` are what is tried on them."""

    slug: str
    title: str | Promise
    texts: Sequence[str]
    query: str = ""
    dimensions: Sequence[int] = ()
    quantise: bool = False


COMPARISONS = (
    Example(
        "weather",
        gettext_lazy("Three sentences"),
        ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."],
    ),
    Example(
        "weather-zh",
        gettext_lazy("Three sentences in Chinese"),
        ["今天天气真好。", "外面阳光明媚！", "他开车去了体育场。"],
    ),
    Example(
        "languages",
        gettext_lazy("Two languages"),
        [
            "The cat sleeps on the sofa.",
            "猫在沙发上睡觉。",
            "The stock market fell sharply.",
            "股市大幅下跌。",
        ],
    ),
    Example(
        "word-sense",
        gettext_lazy("One word, two senses"),
        [
            "She sat on the bank of the river and watched the boats.",
            "He paid the money into his bank account.",
            "The stream was lined with willow trees.",
            "The loan has a low rate of interest.",
        ],
    ),
    Example(
        "negation",
        gettext_lazy("A small “not”"),
        [
            "The film was good.",
            "The film was not good.",
            "The film was terrible.",
            "I enjoyed every minute of it.",
        ],
    ),
)

RANKINGS = (
    Example(
        "password",
        gettext_lazy("English"),
        [
            "Click “Forgot password” on the sign-in page, and a link is sent to you by e-mail.",
            "Passwords must have at least twelve characters.",
            "You can change your e-mail address in your profile.",
            "Our office is open from nine to five.",
            "The door code is changed on the first of each month.",
        ],
        query="I cannot log in any more, what shall I do?",
    ),
    Example(
        "password-zh",
        gettext_lazy("Chinese"),
        [
            "在登录页点击“忘记密码”，系统会向您的邮箱发送重置链接。",
            "密码至少需要十二个字符。",
            "您可以在个人资料中修改邮箱地址。",
            "我们的办公时间是上午九点到下午五点。",
            "门禁密码每月一号更换。",
        ],
        query="我登录不上了，怎么办？",
    ),
    Example(
        "across-languages",
        gettext_lazy("A Chinese question, English and Chinese answers"),
        [
            "Photosynthesis turns light, water and carbon dioxide into sugar.",
            "光合作用把光、水和二氧化碳转化为糖。",
            "The mitochondrion is the power plant of the cell.",
            "植物的根从土壤中吸收水分。",
            "The train to Shanghai leaves at noon.",
        ],
        query="植物如何制造养分？",
    ),
    Example(
        "shorter",
        gettext_lazy("Shorter and coarser vectors"),
        [
            "Sourdough rises by wild yeast and lactic acid bacteria.",
            "Bread goes stale because its starch crystallises again.",
            "Knead the dough until it can be stretched thin without tearing.",
            "A hot stone gives pizza a crisp bottom.",
            "Yeast is a fungus that turns sugar into alcohol and carbon dioxide.",
            "Rice is rinsed to wash off loose starch.",
            "The bakery opens at six in the morning.",
            "Steel is hardened by being heated and quenched.",
        ],
        query="Why does dough rise?",
        dimensions=(256, 128, 64, 32),
        quantise=True,
    ),
)

"""What the validators of `notify` say, again in CEL and in the same words."""

from millrace.crd_durations import Json, one_of, rule
from millrace_contracts.notices import (
    LASTING,
    NO_END,
    ONE_WAY,
    SAME_TIME,
    SLACK_WAY,
    TWICE,
    NamedChannel,
    NoticeSecret,
    Notify,
    QuietHours,
    Slack,
    Webhook,
)
from millrace_contracts.sources import HAS_PASSWORD

RULES: dict[str, list[Json]] = {
    NoticeSecret.__name__: [
        rule(one_of("env", "file", "secretRef"), "a secret is kept in one place: env, file or secretRef")
    ],
    NamedChannel.__name__: [
        rule(one_of("email", "slack", "teams", "webhook", "pagerduty"), ONE_WAY),
        rule(
            f"!has(self.pagerduty) || !has(self.tell) || self.tell.all(topic, topic in {list(LASTING)})",
            NO_END,
        ),
    ],
    Slack.__name__: [
        rule("has(self.token) == has(self.channel) && has(self.webhook) != has(self.token)", SLACK_WAY)
    ],
    Webhook.__name__: [
        rule(f"!self.url.matches('{HAS_PASSWORD}')", "no password belongs in url; name it with bearer")
    ],
    QuietHours.__name__: [rule("self.from != self.to", SAME_TIME)],
    Notify.__name__: [
        rule(
            "!has(self.channels) || self.channels.all(one, self.channels.exists_one(it, it.name == one.name))",
            TWICE,
        )
    ],
}
"""By the model's name."""

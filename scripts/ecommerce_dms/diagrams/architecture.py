"""What the architecture diagram shows: which resources of Terraform stand where, and which are left out and why.

The tables below are the picture. A node or group is drawn when one of its resources is there, so that a module that is added
brings its nodes along, and a saved plan leaves out what it does not make. Every resource of the configuration stands
in one of the tables; a test fails for one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ecommerce_dms.diagrams.terraform_addresses import Resources

Point = tuple[int, int]

WIDTH, HEIGHT = 1500, 960
ICON = 44
ZONES = ("a", "b", "c")
ZONE_X = {"a": 460, "b": 680, "c": 900}


@dataclass(frozen=True)
class Group:
    """A frame. `zone` is the availability zone it belongs to; without resources it is always drawn."""

    id: str
    kind: str
    title: str
    frame: tuple[int, int, int, int]
    resources: tuple[str, ...] = ()
    zone: str = ""


@dataclass(frozen=True)
class Node:
    """An icon with its words. `values` are attributes of the first resource that a plan's picture shows below the title.

    `only_with` is an attribute of the first resource that must be true in a plan.
    """

    id: str
    icon: str
    title: str
    words: str
    place: Point
    resources: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    only_with: str = ""
    zone: str = ""
    beside: bool = False

    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of icon and words together, about."""
        x, y = self.place
        longest = max(len(self.title) * 8, len(self.words) * 6.6)
        if self.beside:
            return x, y, ICON + 8 + int(longest), ICON
        width = max(ICON, int(longest))
        return x + (ICON - width) // 2, y, width, ICON + (40 if self.words else 22)


@dataclass(frozen=True)
class Line:
    """An arrow through given corners, from a node or group to another. It is drawn when both its ends are."""

    source: str
    target: str
    points: tuple[Point, ...]
    words: str = ""
    words_at: Point = (0, 0)
    dashed: bool = False
    both_ways: bool = False


@dataclass(frozen=True)
class Architecture:
    """All that is on the picture."""

    groups: tuple[Group, ...]
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]


def _zone_groups() -> tuple[Group, ...]:
    groups: list[Group] = []
    for letter in ZONES:
        x = ZONE_X[letter]
        groups += [
            Group(f"zone-{letter}", "zone", f"Availability zone {letter}", (x, 190, 200, 690), zone=letter),
            Group(f"public-{letter}", "public", "Public", (x + 10, 220, 180, 140), ("aws_subnet.public",), letter),
            Group(
                f"application-{letter}",
                "private",
                "Application",
                (x + 10, 375, 180, 130),
                ("aws_subnet.application",),
                letter,
            ),
            Group(
                f"database-{letter}", "private", "Database", (x + 10, 520, 180, 350), ("aws_subnet.database",), letter
            ),
        ]
    return tuple(groups)


_MONITORING = (
    "module.monitoring.aws_cloudwatch_metric_alarm.main",
    "module.monitoring.aws_sns_topic.main",
    "module.monitoring.aws_cloudwatch_dashboard.main",
)

GROUPS = (
    Group("cloud", "cloud", "AWS account", (210, 60, 1270, 850)),
    Group("region", "region", "Region", (230, 100, 1230, 795)),
    Group("iam", "module", "IAM, global", (242, 495, 180, 385), ("aws_iam_role.github",)),
    Group("vpc", "vpc", "VPC", (440, 150, 680, 740), ("aws_vpc.main",)),
    *_zone_groups(),
    Group(
        "rds", "server", "engine = rds · security group “database”", (465, 552, 630, 145),
        ("aws_db_instance.primary", "aws_db_subnet_group.database", "aws_security_group.database"),
    ),
    Group("aurora", "server", "engine = aurora · security group “database”", (465, 712, 630, 145), ("aws_rds_cluster.aurora",)),
    Group("monitoring", "module", "monitoring/", (1148, 540, 297, 300), _MONITORING),
)  # fmt: skip

NODES = (
    Node("engineer", "user", "Engineer", "psql, tunnel.py", (80, 258), ("aws_instance.tunnel",)),
    Node("ci", "git", "GitHub Actions", "migrations, tests", (80, 500), ("aws_iam_role.github", "aws_security_group.lease")),
    Node(
        "session", "systems_manager", "Session Manager", "no open port", (310, 258),
        ("aws_instance.tunnel", "aws_iam_policy.tunnel"),
    ),
    Node(
        "lease", "credential", "Leased rule", "one address, for minutes", (310, 385),
        (
            "aws_security_group.lease", "aws_route.database_internet",
            "aws_scheduler_schedule_group.lease", "aws_iam_role.lease_timer", "aws_iam_role_policy.lease_timer",
        ),
    ),
    Node(
        "oidc", "iam", "GitHub OIDC", "no stored keys", (310, 520), ("aws_iam_openid_connect_provider.github",)
    ),
    Node(
        "roles", "role", "Roles", "plan, deploy, migrate", (310, 655),
        ("aws_iam_role.github", "aws_iam_role_policy.github", "aws_iam_policy.boundary"),
    ),
    Node("login", "credential", "Login by token", "15 minutes, per login", (310, 790), ("aws_iam_policy.login",)),
    Node("internet", "internet_gateway", "Internet gateway", "", (1038, 128), ("aws_internet_gateway.main",), beside=True),
    Node(
        "tunnel", "ec2", "Tunnel host", "no key, no port", (504, 268),
        ("aws_instance.tunnel", "aws_security_group.tunnel", "aws_iam_role.tunnel", "aws_iam_instance_profile.tunnel"),
        ("instance_type",), zone="a",
    ),
    Node("nat-a", "nat_gateway", "NAT", "if wanted", (594, 268), ("aws_nat_gateway.main", "aws_eip.nat"), zone="a"),
    Node("nat-b", "nat_gateway", "NAT", "one per zone", (758, 268), ("aws_nat_gateway.main",), zone="b"),
    Node("nat-c", "nat_gateway", "NAT", "one per zone", (978, 268), ("aws_nat_gateway.main",), zone="c"),
    *(
        Node(
            f"services-{letter}", "application", "Your services", "group “clients”", (ZONE_X[letter] + 78, 402),
            ("aws_security_group.clients",), zone=letter,
        )
        for letter in ZONES
    ),
    Node("primary", "rds", "Primary", "reads and writes", (538, 582), ("aws_db_instance.primary",), ("instance_class",), zone="a"),
    Node(
        "standby", "rds", "Standby", "takes over by itself", (758, 582), ("aws_db_instance.primary",),
        only_with="multi_az", zone="b",
    ),
    Node(
        "replica", "rds", "Read replicas", "up to 15", (978, 582), ("aws_db_instance.replica",), ("instance_class",),
        zone="c",
    ),
    Node("writer", "aurora", "Writer", "reads and writes", (538, 742), ("aws_rds_cluster_instance.aurora",), zone="a"),
    Node("reader-b", "aurora", "Reader", "takes over", (758, 742), ("aws_rds_cluster_instance.aurora",), zone="b"),
    Node("reader-c", "aurora", "Reader", "takes over", (978, 742), ("aws_rds_cluster_instance.aurora",), zone="c"),
    Node("kms", "kms", "KMS key", "encrypts all of it", (1215, 178), ("aws_kms_key.main",)),
    Node("secrets", "secrets", "Secrets Manager", "master login", (1360, 178), ("aws_secretsmanager_secret.master",)),
    Node("flow", "flow_logs", "Flow logs", "who talked to whom", (1360, 290), ("aws_flow_log.main", "aws_cloudwatch_log_group.flow")),
    Node("logs", "logs", "Server logs", "errors, slow queries", (1215, 290), ("aws_cloudwatch_log_group.database",)),
    Node(
        "metrics", "cloudwatch", "CloudWatch", "metrics, Insights", (1215, 425), ("aws_iam_role.monitoring",)
    ),
    Node(
        "alarms", "alarm", "Alarms", "a runbook for each", (1215, 595),
        ("module.monitoring.aws_cloudwatch_metric_alarm.main", "module.monitoring.aws_cloudwatch_log_metric_filter.main"),
    ),
    Node(
        "dashboard", "cloudwatch", "Dashboard", "one page", (1360, 595), ("module.monitoring.aws_cloudwatch_dashboard.main",)
    ),
    Node(
        "topics", "sns", "Topics", "to who is on call", (1215, 740),
        ("module.monitoring.aws_sns_topic.main", "module.monitoring.aws_sns_topic_subscription.main"),
    ),
    Node(
        "events", "event", "RDS events", "failover, full disk", (1360, 740),
        ("module.monitoring.aws_db_event_subscription.main",),
    ),
)  # fmt: skip

# What leaves the servers for the logs and metrics shares one way along the right edge of the VPC.
_TO_LOGS = ((1135, 312), (1215, 312))
_TO_METRICS = ((1135, 447), (1215, 447))

LINES = (
    Line("engineer", "session", ((124, 280), (310, 280)), "HTTPS", (150, 272), dashed=True),
    Line("session", "tunnel", ((354, 280), (504, 280)), dashed=True),
    Line("tunnel", "primary", ((504, 300), (466, 300), (466, 598), (538, 598)), dashed=True),
    Line("ci", "lease", ((102, 500), (102, 407), (310, 407)), "TLS", (150, 399), dashed=True),
    Line("lease", "primary", ((354, 407), (450, 407), (450, 612), (538, 612)), dashed=True),
    Line("ci", "oidc", ((124, 530), (310, 530)), "token", (150, 522), dashed=True),
    Line("oidc", "roles", ((310, 552), (262, 552), (262, 677), (310, 677)), dashed=True),
    Line("services-a", "primary", ((560, 486), (560, 582)), "5432, TLS", (568, 546)),
    Line("primary", "standby", ((582, 604), (758, 604)), "synchronous", (636, 597)),
    Line("primary", "replica", ((560, 582), (560, 567), (1000, 567), (1000, 582)), "asynchronous", (850, 580)),
    Line("writer", "reader-b", ((582, 764), (758, 764)), "shared storage", (630, 757), both_ways=True),
    Line("reader-b", "reader-c", ((802, 764), (978, 764)), "shared storage", (850, 757), both_ways=True),
    Line("nat-a", "internet", ((616, 268), (616, 254), (1060, 254), (1060, 172)), dashed=True),
    Line("nat-b", "internet", ((780, 268), (780, 254), (1060, 254), (1060, 172)), dashed=True),
    Line("nat-c", "internet", ((1000, 268), (1000, 254), (1060, 254), (1060, 172)), dashed=True),
    Line("kms", "secrets", ((1259, 200), (1360, 200))),
    Line("vpc", "flow", ((1120, 265), (1382, 265), (1382, 290))),
    Line("rds", "logs", ((1095, 624), (1135, 624), *_TO_LOGS)),
    Line("rds", "metrics", ((1095, 624), (1135, 624), *_TO_METRICS)),
    Line("aurora", "logs", ((1095, 784), (1135, 784), *_TO_LOGS)),
    Line("aurora", "metrics", ((1095, 784), (1135, 784), *_TO_METRICS)),
    Line("metrics", "alarms", ((1237, 508), (1237, 595))),
    Line("alarms", "topics", ((1237, 678), (1237, 740))),
    Line("events", "topics", ((1360, 762), (1259, 762))),
)

_RULE = "a rule of a security group that is drawn"
_ROUTE = "how the lines are routed"
_SETTING = "settings of a server that is drawn"
_IDENTITY = "with which identity something that is drawn works"
_BOOKKEEPING = "exists in Terraform only"

NOT_DRAWN = {
    "aws_default_security_group.closed": "lets nothing pass",
    "aws_vpc_security_group_egress_rule.clients": _RULE,
    "aws_vpc_security_group_ingress_rule.clients": _RULE,
    "aws_vpc_security_group_ingress_rule.client_groups": _RULE,
    "aws_vpc_security_group_ingress_rule.client_cidrs": _RULE,
    "aws_vpc_security_group_egress_rule.tunnel_https": _RULE,
    "aws_vpc_security_group_egress_rule.tunnel_database": _RULE,
    "aws_vpc_security_group_ingress_rule.tunnel": _RULE,
    "aws_route.public_internet": _ROUTE,
    "aws_route.application_nat": _ROUTE,
    "aws_route_table.public": _ROUTE,
    "aws_route_table.application": _ROUTE,
    "aws_route_table.database": _ROUTE,
    "aws_route_table_association.public": _ROUTE,
    "aws_route_table_association.application": _ROUTE,
    "aws_route_table_association.database": _ROUTE,
    "aws_db_parameter_group.instance": _SETTING,
    "aws_rds_cluster_parameter_group.cluster": _SETTING,
    "aws_kms_alias.main": "a name of the key that is drawn",
    "aws_secretsmanager_secret_version.master": "the content of the secret that is drawn",
    "aws_iam_role_policy_attachment.tunnel": _IDENTITY,
    "aws_iam_role_policy_attachment.monitoring": _IDENTITY,
    "aws_iam_role.flow": _IDENTITY,
    "aws_iam_role_policy.flow": _IDENTITY,
    "terraform_data.final_snapshot": _BOOKKEEPING,
    "terraform_data.guards": _BOOKKEEPING,
    "module.monitoring.terraform_data.guards": _BOOKKEEPING,
    "module.monitoring.aws_kms_key.notifications": "encrypts the topics that are drawn",
    "module.monitoring.aws_sns_topic_policy.main": _IDENTITY,
}


def known() -> set[str]:
    """Every address that stands in one of the tables."""
    return set(NOT_DRAWN) | {address for part in (*GROUPS, *NODES) for address in part.resources}


def drawn(resources: Resources) -> Architecture:
    """The picture of what a configuration can make, or of what a plan makes."""
    zones = _zones(resources)
    groups = tuple(group for group in GROUPS if _is_there(group.resources, resources) and _in(group.zone, zones))
    nodes = tuple(
        _with_values(node, resources)
        for node in NODES
        if _is_there(node.resources, resources) and _in(node.zone, zones) and _is_true(node, resources)
    )
    there = {part.id for part in (*groups, *nodes)}
    lines = tuple(line for line in LINES if {line.source, line.target} <= there)
    return Architecture(groups, nodes, lines)


def _zones(resources: Resources) -> tuple[str, ...]:
    """As many columns as the plan has zones, three at most."""
    count = len(resources.instances.get("aws_subnet.database", ZONES))
    return ZONES[:count]


def _in(zone: str, zones: tuple[str, ...]) -> bool:
    return not zone or zone in zones


def _is_there(wanted: tuple[str, ...], resources: Resources) -> bool:
    return not wanted or wanted[0] in resources.addresses


def _is_true(node: Node, resources: Resources) -> bool:
    if not node.only_with or not resources.is_plan:
        return True
    return any(values.get(node.only_with) for values in resources.instances[node.resources[0]].values())


def _with_values(node: Node, resources: Resources) -> Node:
    if not node.values or not resources.is_plan:
        return node
    instances = resources.instances[node.resources[0]].values()
    said = sorted({str(values[key]) for values in instances for key in node.values if values.get(key)})
    return replace(node, words=", ".join(said) or node.words)

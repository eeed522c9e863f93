# Who may open a connection. Three security groups, their rules as resources of their own: inline rules would erase what
# the lease program adds, and vice versa.
#
#   database   attached to every instance; lets in the groups and ranges below, lets nothing out
#   clients    for the shop's services: whoever wears it may connect
#   lease      only with access = "leased_public": empty here. scripts/runner_access.py lets one address in for minutes
#
# access = "ssm" adds a small host without any way in; Session Manager forwards a port through it.

locals {
  leased = var.access == "leased_public"
  tunnel = var.access == "ssm"
}

resource "aws_security_group" "database" {
  name_prefix = "${local.name}-database-"
  description = "PostgreSQL of ${local.name}: in from clients, nothing out"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-database" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "clients" {
  #checkov:skip=CKV2_AWS_5:The shop's services wear it; they are deployed elsewhere.
  name_prefix = "${local.name}-clients-"
  description = "Services that may connect to PostgreSQL of ${local.name}"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-clients" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "clients" {
  security_group_id            = aws_security_group.clients.id
  description                  = "PostgreSQL of ${local.name}"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = aws_security_group.database.id

  tags = { Name = "${local.name}-to-database" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from the clients of ${local.name}"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = aws_security_group.clients.id

  tags = { Name = "${local.name}-from-clients" }
}

resource "aws_vpc_security_group_ingress_rule" "client_groups" {
  for_each = var.clients.security_group_ids

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL from ${each.value}"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = each.value

  tags = { Name = "${local.name}-from-${each.value}" }
}

resource "aws_vpc_security_group_ingress_rule" "client_cidrs" {
  for_each = var.clients.cidrs

  security_group_id = aws_security_group.database.id
  description       = "PostgreSQL from ${each.value}"
  ip_protocol       = "tcp"
  from_port         = var.database.port
  to_port           = var.database.port
  cidr_ipv4         = each.value

  tags = { Name = "${local.name}-from-${each.value}" }
}

# --- leased_public: a route and an empty group --------------------------------------------------------------------------

resource "aws_security_group" "lease" {
  count = local.leased ? 1 : 0

  name_prefix = "${local.name}-lease-"
  description = "Empty but for leases of minutes: rules are added and revoked by scripts/runner_access.py"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-lease", Purpose = "runner-lease" }

  lifecycle {
    create_before_destroy = true
  }
}

# Closes a rule whose job was lost and whom nobody follows: runner_access.py makes one schedule for each, which deletes
# itself. They go with their group.
resource "aws_scheduler_schedule_group" "lease" {
  count = local.leased ? 1 : 0

  name = "${local.name}-lease"

  tags = { Name = "${local.name}-lease" }
}

data "aws_iam_policy_document" "lease_timer_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "lease_timer" {
  count = local.leased ? 1 : 0

  name                 = "${local.name}-lease-timer"
  description          = "Lets schedules revoke rules of the lease group of ${local.name}, and nothing else"
  assume_role_policy   = data.aws_iam_policy_document.lease_timer_trust.json
  permissions_boundary = one(aws_iam_policy.boundary[*].arn)
}

data "aws_iam_policy_document" "lease_timer" {
  count = local.leased ? 1 : 0

  statement {
    sid       = "Close"
    actions   = ["ec2:RevokeSecurityGroupIngress"]
    resources = [aws_security_group.lease[0].arn, local.rule_arns]
  }
}

resource "aws_iam_role_policy" "lease_timer" {
  count = local.leased ? 1 : 0

  name   = "close"
  role   = aws_iam_role.lease_timer[0].id
  policy = data.aws_iam_policy_document.lease_timer[0].json
}

resource "aws_route" "database_internet" {
  count = local.leased ? 1 : 0

  route_table_id         = aws_route_table.database.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main[0].id
}

# --- ssm: a host to forward a port through ------------------------------------------------------------------------------

data "aws_ssm_parameter" "tunnel_image" {
  count = local.tunnel ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

data "aws_iam_policy_document" "tunnel_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "tunnel" {
  count = local.tunnel ? 1 : 0

  name                 = "${local.name}-tunnel"
  description          = "Lets the tunnel host of ${local.name} talk to Session Manager"
  assume_role_policy   = data.aws_iam_policy_document.tunnel_trust.json
  permissions_boundary = one(aws_iam_policy.boundary[*].arn)
}

resource "aws_iam_role_policy_attachment" "tunnel" {
  count = local.tunnel ? 1 : 0

  role       = aws_iam_role.tunnel[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "tunnel" {
  count = local.tunnel ? 1 : 0

  name = "${local.name}-tunnel"
  role = aws_iam_role.tunnel[0].name
}

resource "aws_security_group" "tunnel" {
  count = local.tunnel ? 1 : 0

  name_prefix = "${local.name}-tunnel-"
  description = "Tunnel host of ${local.name}: nothing in, out to Session Manager and PostgreSQL"
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${local.name}-tunnel" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "tunnel_https" {
  count = local.tunnel ? 1 : 0

  security_group_id = aws_security_group.tunnel[0].id
  description       = "Session Manager"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"

  tags = { Name = "${local.name}-tunnel-https" }
}

resource "aws_vpc_security_group_egress_rule" "tunnel_database" {
  count = local.tunnel ? 1 : 0

  security_group_id            = aws_security_group.tunnel[0].id
  description                  = "PostgreSQL of ${local.name}"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = aws_security_group.database.id

  tags = { Name = "${local.name}-tunnel-database" }
}

resource "aws_vpc_security_group_ingress_rule" "tunnel" {
  count = local.tunnel ? 1 : 0

  security_group_id            = aws_security_group.database.id
  description                  = "PostgreSQL through the tunnel host"
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
  referenced_security_group_id = aws_security_group.tunnel[0].id

  tags = { Name = "${local.name}-from-tunnel" }
}

resource "aws_instance" "tunnel" {
  #checkov:skip=CKV_AWS_88:Without NAT it needs a public address to reach Session Manager. Its security group lets nothing in.
  #checkov:skip=CKV_AWS_126:A host that forwards a port needs no metrics by the minute.
  count = local.tunnel ? 1 : 0

  ami                         = data.aws_ssm_parameter.tunnel_image[0].insecure_value
  instance_type               = "t4g.nano"
  ebs_optimized               = true
  subnet_id                   = var.network.nat == "none" ? aws_subnet.public[sort(keys(local.zones))[0]].id : aws_subnet.application[sort(keys(local.zones))[0]].id
  associate_public_ip_address = var.network.nat == "none"
  vpc_security_group_ids      = [aws_security_group.tunnel[0].id]
  iam_instance_profile        = aws_iam_instance_profile.tunnel[0].name

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 8 # GiB: the image's own
    encrypted   = true
    kms_key_id  = local.kms_key_arn
    tags        = merge(local.tags, { Name = "${local.name}-tunnel" }) # default_tags do not reach volumes
  }

  tags = { Name = "${local.name}-tunnel", Purpose = "tunnel" }

  lifecycle {
    ignore_changes = [ami] # a new image is no reason to cut somebody's tunnel; `-replace` takes the newest
  }
}

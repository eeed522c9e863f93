# The VPC: who can reach whom by address. Three tiers of subnets, each keyed by availability zone:
#
#   public       the internet gateway's side: NAT gateways and, without NAT, the tunnel host
#   application  where the shop's services run; out to the internet only through NAT, if there is one
#   database     no way out or in, except the one route of access = "leased_public"
#
# A subnet's address follows from its zone's letter, so adding or removing a zone renumbers no other subnet. RDS
# refuses to move an instance to another subnet group of the same VPC: these subnets never change with `access`.

locals {
  zone_number = { for letter in split("", "abcdef") : letter => index(split("", "abcdef"), letter) }

  # eu-west-1a => a
  zones = { for letter in var.network.availability_zones : "${var.region}${letter}" => letter }

  # Sixteenths of the VPC: the first for public subnets, the second for databases, from the fifth on applications.
  public_cidrs      = { for zone, letter in local.zones : zone => cidrsubnet(var.network.cidr, 8, local.zone_number[letter]) }
  database_cidrs    = { for zone, letter in local.zones : zone => cidrsubnet(var.network.cidr, 8, 16 + local.zone_number[letter]) }
  application_cidrs = { for zone, letter in local.zones : zone => cidrsubnet(var.network.cidr, 4, 4 + local.zone_number[letter]) }

  nat_zones = {
    none   = []
    single = slice(sort(keys(local.zones)), 0, 1)
    per_az = sort(keys(local.zones))
  }[var.network.nat]

  # The zone whose NAT gateway an application subnet uses: its own, or the only one.
  nat_of = { for zone in keys(local.zones) : zone => contains(local.nat_zones, zone) ? zone : local.nat_zones[0] if length(local.nat_zones) > 0 }

  needs_internet = var.access != "private" || var.network.nat != "none"
}

data "aws_availability_zones" "offered" {
  state = "available"

  filter {
    name   = "zone-type" # no local or wavelength zones: RDS has no subnet group across them
    values = ["availability-zone"]
  }

  lifecycle {
    postcondition {
      condition     = length(setsubtract(keys(local.zones), self.names)) == 0
      error_message = "This account is not offered ${join(", ", setsubtract(keys(local.zones), self.names))}. Set network.availability_zones to letters out of: ${join(", ", self.names)}."
    }
  }
}

resource "aws_vpc" "main" {
  cidr_block           = var.network.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # leased_public needs it: without it a public endpoint gets no name

  tags = { Name = local.name }
}

# What is forgotten lands in the default group and its open self-reference. Managed without rules, it lets nothing pass.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-default-closed" }
}

resource "aws_subnet" "public" {
  for_each = local.needs_internet ? local.public_cidrs : {}

  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = { Name = "${local.name}-public-${local.zones[each.key]}", Tier = "public" }

  depends_on = [data.aws_availability_zones.offered]
}

resource "aws_subnet" "application" {
  for_each = local.application_cidrs

  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = { Name = "${local.name}-application-${local.zones[each.key]}", Tier = "application" }

  depends_on = [data.aws_availability_zones.offered]
}

resource "aws_subnet" "database" {
  for_each = local.database_cidrs

  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = { Name = "${local.name}-database-${local.zones[each.key]}", Tier = "database" }

  depends_on = [data.aws_availability_zones.offered]
}

resource "aws_db_subnet_group" "database" {
  name        = local.name
  description = "Isolated subnets of ${local.name}, one for each availability zone"
  subnet_ids  = [for subnet in aws_subnet.database : subnet.id]

  tags = { Name = local.name }
}

# --- Routes -----------------------------------------------------------------------------------------------------

resource "aws_internet_gateway" "main" {
  count = local.needs_internet ? 1 : 0

  vpc_id = aws_vpc.main.id

  tags = { Name = local.name }
}

resource "aws_route_table" "public" {
  count = local.needs_internet ? 1 : 0

  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-public" }
}

resource "aws_route" "public_internet" {
  count = local.needs_internet ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main[0].id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_route_table" "application" {
  for_each = local.zones

  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-application-${each.value}" }
}

resource "aws_route_table_association" "application" {
  for_each = aws_subnet.application

  subnet_id      = each.value.id
  route_table_id = aws_route_table.application[each.key].id
}

resource "aws_route_table" "database" {
  vpc_id = aws_vpc.main.id

  tags = { Name = "${local.name}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = aws_subnet.database

  subnet_id      = each.value.id
  route_table_id = aws_route_table.database.id
}

# --- NAT: most of a small stack's cost, and the database needs none -----------------------------------------------

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = { Name = "${local.name}-nat-${local.zones[each.key]}" }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${local.name}-${local.zones[each.key]}" }

  depends_on = [aws_route.public_internet]
}

resource "aws_route" "application_nat" {
  for_each = local.nat_of

  route_table_id         = aws_route_table.application[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.main[each.value].id
}

# --- Flow logs: who talked to whom, for the day after an incident ---------------------------------------------------

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/aws/vpc/${local.name}/flow"
  retention_in_days = var.logs.retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = "${local.name}-flow" }
}

data "aws_iam_policy_document" "flow_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "flow_write" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.flow.arn}:*"]
  }
}

resource "aws_iam_role" "flow" {
  name                 = "${local.name}-flow-logs"
  description          = "Lets VPC flow logs of ${local.name} write to their log group"
  assume_role_policy   = data.aws_iam_policy_document.flow_trust.json
  permissions_boundary = one(aws_iam_policy.boundary[*].arn)
}

resource "aws_iam_role_policy" "flow" {
  name   = "write"
  role   = aws_iam_role.flow.id
  policy = data.aws_iam_policy_document.flow_write.json
}

resource "aws_flow_log" "main" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "ALL"
  log_destination_type     = "cloud-watch-logs"
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = aws_iam_role.flow.arn
  max_aggregation_interval = 60

  tags = { Name = local.name }

  depends_on = [aws_iam_role_policy.flow]
}

# Who may do what, beyond the account's administrators:
#
#   login policies   one for each login of var.iam_logins: a 15-minute token as that login, and nothing else
#   tunnel policy    for people, with access = "ssm": a forwarded port through the tunnel host, no shell
#   GitHub roles     off by default; without keys, each bound to one repository and to
#                      plan    pull requests: reads what a plan reads, no secret, no data
#                      deploy  the GitHub environment named like var.environment: applies this stack
#                      migrate the same environment: a way in (a lease or the tunnel) and a token as github.login,
#                              which runs migrations and the checks of the live database
#
# Pull requests from forks get nothing: GitHub gives their workflows no token.

# --- Logins by token ------------------------------------------------------------------------------------------------

locals {
  # A token is made for a resource id: Aurora's cluster has one, on RDS each instance its own.
  login_resource_ids = local.is_aurora ? aws_rds_cluster.aurora[*].cluster_resource_id : concat(
    aws_db_instance.primary[*].resource_id, [for replica in aws_db_instance.replica : replica.resource_id]
  )
}

data "aws_iam_policy_document" "login" {
  for_each = var.iam_logins

  statement {
    sid       = "LogInAs"
    actions   = ["rds-db:connect"]
    resources = [for id in local.login_resource_ids : "arn:${local.partition}:rds-db:${var.region}:${local.account_id}:dbuser:${id}/${each.value}"]
  }
}

resource "aws_iam_policy" "login" {
  for_each = var.iam_logins

  name        = "${local.name}-login-${replace(each.value, "_", "-")}"
  description = "Log in to PostgreSQL of ${local.name} as ${each.value}"
  policy      = data.aws_iam_policy_document.login[each.value].json
}

# --- A tunnel for people ----------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "tunnel_use" {
  count = local.tunnel ? 1 : 0

  statement {
    sid     = "ForwardAPort"
    actions = ["ssm:StartSession"]
    resources = [
      aws_instance.tunnel[0].arn,
      "arn:${local.partition}:ssm:${var.region}::document/AWS-StartPortForwardingSessionToRemoteHost",
    ]

    # Without it, naming the instance alone would open a shell.
    condition {
      test     = "BoolIfExists"
      variable = "ssm:SessionDocumentAccessCheck"
      values   = ["true"]
    }
  }

  statement {
    sid       = "EndOnesOwn"
    actions   = ["ssm:TerminateSession", "ssm:ResumeSession"]
    resources = ["arn:${local.partition}:ssm:*:${local.account_id}:session/$${aws:userid}-*"]
  }
}

resource "aws_iam_policy" "tunnel" {
  count = local.tunnel ? 1 : 0

  name        = "${local.name}-tunnel-use"
  description = "Forward a port to PostgreSQL of ${local.name} through its tunnel host"
  policy      = data.aws_iam_policy_document.tunnel_use[0].json
}

# --- GitHub Actions -----------------------------------------------------------------------------------------------------

locals {
  github_issuer = "token.actions.githubusercontent.com"

  github_provider_arn = var.github == null ? null : coalesce(var.github.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))

  # Both spellings of a repository in a token's subject; the second since July 2026, with ids that survive a rename.
  github_repositories = var.github == null ? [] : concat(
    ["${var.github.owner}/${var.github.repository}"],
    var.github.owner_id == null ? [] : ["${var.github.owner}@${var.github.owner_id}/${var.github.repository}@${var.github.repository_id}"],
  )

  github_contexts = { for role, context in {
    plan    = "pull_request"
    deploy  = "environment:${var.environment}"
    migrate = "environment:${var.environment}"
  } : role => context if var.github != null }

  github_subjects = { for role, context in local.github_contexts : role => [for repository in local.github_repositories : "repo:${repository}:${context}"] }

  # What this stack's own names look like in ARNs.
  own_iam = "arn:${local.partition}:iam::${local.account_id}"
  own_rds = "arn:${local.partition}:rds:${var.region}:${local.account_id}"

  rule_arns = "arn:${local.partition}:ec2:${var.region}:${local.account_id}:security-group-rule/*"

  lease_schedule_arns = [
    "arn:${local.partition}:scheduler:${var.region}:${local.account_id}:schedule-group/${local.name}-lease",
    "arn:${local.partition}:scheduler:${var.region}:${local.account_id}:schedule/${local.name}-lease/*",
  ]

  service_role_arns = [for role in ["flow-logs", "rds-monitoring", "tunnel", "lease-timer"] : "${local.own_iam}:role/${local.name}-${role}"]
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github != null && try(var.github.oidc_provider_arn, null) == null ? 1 : 0

  url            = "https://${local.github_issuer}"
  client_id_list = ["sts.amazonaws.com"]

  tags = { Name = "${local.name}-github" }
}

data "aws_iam_policy_document" "github_trust" {
  #checkov:skip=CKV_AWS_358:The subjects are exact, without wildcards; the check does not know the spelling with ids.
  #checkov:skip=CKV_AWS_393:The subjects are exact, without wildcards; the check does not know the spelling with ids.
  for_each = local.github_subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_issuer}:sub"
      values   = each.value
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.github_subjects

  name                 = "${local.name}-github-${each.key}"
  description          = "GitHub Actions of ${var.github.owner}/${var.github.repository}: ${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.github_trust[each.key].json
  max_session_duration = each.key == "deploy" ? 7200 : 3600 # a Multi-AZ instance takes its time
}

# What `terraform plan` reads. No GetSecretValue, no kms:Decrypt, no rds-db:connect; the state holds no secret either.
data "aws_iam_policy_document" "github_plan" {
  #checkov:skip=CKV_AWS_356:Describe and list actions know no resource.
  statement {
    sid = "Read"
    actions = [
      "application-autoscaling:Describe*",
      "cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*",
      "ec2:Describe*",
      "iam:GetInstanceProfile", "iam:GetOpenIDConnectProvider", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListPolicyVersions", "iam:ListRolePolicies",
      "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags",
      "logs:Describe*", "logs:ListTagsForResource",
      "rds:Describe*", "rds:ListTagsForResource",
      "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource",
      "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds",
      "sns:Get*", "sns:List*",
      "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "NewestImage"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${var.region}::parameter/aws/service/*"]
  }

  # Makes a random string and stores nothing. Ephemeral resources are opened on every plan.
  statement {
    sid       = "EphemeralPassword"
    actions   = ["secretsmanager:GetRandomPassword"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.github.state_bucket[*]

    content {
      sid       = "ReadState"
      actions   = ["s3:GetObject", "s3:ListBucket"]
      resources = ["arn:${local.partition}:s3:::${statement.value}", "arn:${local.partition}:s3:::${statement.value}/${local.name}/*"]
    }
  }

  count = var.github == null ? 0 : 1
}

# What an apply of this stack changes. The first apply is an administrator's, for it makes these roles; so its network
# and its key exist, and this role is limited to what carries the stack's tags or name. It can neither change the roles
# it came by, nor the policies that people hold, nor delete the key; those applies are an administrator's as well.
data "aws_iam_policy_document" "github_deploy" {
  #checkov:skip=CKV_AWS_111:What is created has no name yet; whatever exists is limited by name or tag.
  #checkov:skip=CKV_AWS_356:What is created has no name yet; whatever exists is limited by name or tag.
  count = var.github == null ? 0 : 1

  source_policy_documents = [data.aws_iam_policy_document.github_plan[0].json]

  statement {
    sid = "NetworkMake"
    actions = [
      "ec2:AllocateAddress", "ec2:CreateFlowLogs", "ec2:CreateInternetGateway", "ec2:CreateNatGateway", "ec2:CreateRouteTable",
      "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:RunInstances",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }

  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ec2:CreateTags"]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account_id}:*/*"]

    condition {
      test     = "Null"
      variable = "ec2:CreateAction" # set only while something is being created
      values   = ["false"]
    }
  }

  statement {
    sid = "NetworkChange"
    actions = [
      "ec2:AssociateAddress", "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateRoute", "ec2:CreateTags", "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway",
      "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags",
      "ec2:DetachInternetGateway", "ec2:DisassociateAddress", "ec2:DisassociateRouteTable", "ec2:ModifyInstanceAttribute",
      "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ReleaseAddress", "ec2:ReplaceRoute",
      "ec2:ReplaceRouteTableAssociation", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress", "ec2:TerminateInstances",
    ]
    resources = ["arn:${local.partition}:ec2:${var.region}:${local.account_id}:*/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Project"
      values   = [var.project]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [var.environment]
    }
  }

  statement {
    sid     = "Database"
    actions = ["rds:*"]
    resources = [
      for kind in ["db", "cluster", "pg", "cluster-pg", "subgrp", "snapshot", "cluster-snapshot", "es"] : "${local.own_rds}:${kind}:${local.name}*"
    ]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:EnableKeyRotation", "kms:GenerateDataKey*", "kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"]
    resources = [local.kms_key_arn]
  }

  statement {
    sid       = "Secret"
    actions   = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"]
    resources = ["arn:${local.partition}:secretsmanager:${var.region}:${local.account_id}:secret:${local.name}-*"]
  }

  statement {
    sid     = "LogsAndAlarms"
    actions = ["cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutCompositeAlarm", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource", "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource", "sns:CreateTopic", "sns:DeleteTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"]
    resources = [
      "arn:${local.partition}:cloudwatch:${var.region}:${local.account_id}:alarm:${local.name}*",
      "arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/${local.name}*",
      "arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:/aws/rds/*/${local.name}*",
      "arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:/aws/vpc/${local.name}/*",
      "arn:${local.partition}:sns:${var.region}:${local.account_id}:${local.name}*",
    ]
  }

  statement {
    sid       = "LeaseTimers"
    actions   = ["scheduler:CreateScheduleGroup", "scheduler:DeleteScheduleGroup", "scheduler:DeleteSchedule", "scheduler:TagResource", "scheduler:UntagResource"]
    resources = local.lease_schedule_arns
  }

  # Roles for services, and only inside the boundary below: whatever policy it writes, they can do no more than that.
  statement {
    sid       = "ServiceRolesInsideTheBoundary"
    actions   = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy"]
    resources = local.service_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary[0].arn]
    }
  }

  statement {
    sid       = "ServiceRoles"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:TagRole", "iam:UntagRole"]
    resources = local.service_role_arns
  }

  statement {
    sid       = "TunnelProfile"
    actions   = ["iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile"]
    resources = ["${local.own_iam}:instance-profile/${local.name}-tunnel"]
  }

  statement {
    sid       = "ServiceRolesServeTheirServices"
    actions   = ["iam:PassRole"]
    resources = local.service_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["vpc-flow-logs.amazonaws.com", "monitoring.rds.amazonaws.com", "ec2.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = var.github.state_bucket[*]

    content {
      sid       = "WriteState"
      actions   = ["s3:PutObject", "s3:DeleteObject"] # deletes only its lock
      resources = ["arn:${local.partition}:s3:::${statement.value}/${local.name}/*"]
    }
  }
}

# The most that roles made by a deployment can ever do: write logs, close a rule, and what the agent of Session Manager does.
data "aws_iam_policy_document" "boundary" {
  #checkov:skip=CKV_AWS_111:A boundary grants nothing; the roles' own policies name resources.
  #checkov:skip=CKV_AWS_356:A boundary grants nothing; the roles' own policies name resources.
  count = var.github == null ? 0 : 1

  statement {
    sid = "AtMost"
    actions = [
      "ec2:RevokeSecurityGroupIngress",
      "ec2messages:*",
      "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy",
      "ssm:DescribeAssociation", "ssm:DescribeDocument", "ssm:GetDeployablePatchSnapshotForInstance", "ssm:GetDocument", "ssm:GetManifest", "ssm:ListAssociations",
      "ssm:ListInstanceAssociations", "ssm:PutComplianceItems", "ssm:PutConfigurePackageResult", "ssm:PutInventory", "ssm:UpdateAssociationStatus",
      "ssm:UpdateInstanceAssociationStatus", "ssm:UpdateInstanceInformation",
      "ssmmessages:*",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  count = var.github == null ? 0 : 1

  name        = "${local.name}-github-boundary"
  description = "The most that roles of services of ${local.name} can do, whoever deploys them"
  policy      = data.aws_iam_policy_document.boundary[0].json
}

data "aws_iam_policy_document" "github_lease" {
  #checkov:skip=CKV_AWS_356:Describe actions know no resource.
  count = var.github != null && local.leased ? 1 : 0

  statement {
    sid       = "Look"
    actions   = ["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "rds:DescribeDBClusters", "rds:DescribeDBInstances", "scheduler:ListSchedules"]
    resources = ["*"]
  }

  statement {
    sid       = "Timers"
    actions   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = local.lease_schedule_arns
  }

  statement {
    sid       = "TimersActAs"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.lease_timer[0].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  # AWS checks the rule and its group both, so the group is the limit.
  statement {
    sid       = "OpenAndClose"
    actions   = ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    resources = [aws_security_group.lease[0].arn, local.rule_arns]
  }

  # Leases are tags: a rule is made with Purpose = runner-lease and its first lease, others join and leave.
  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ec2:CreateTags"]
    resources = [local.rule_arns]

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["AuthorizeSecurityGroupIngress"]
    }
  }

  statement {
    sid       = "JoinAndLeave"
    actions   = ["ec2:CreateTags", "ec2:DeleteTags"]
    resources = [local.rule_arns]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Purpose"
      values   = ["runner-lease"]
    }
  }
}

# Gets in for minutes and logs in by token; changes nothing on AWS but its own lease.
data "aws_iam_policy_document" "github_migrate" {
  count = var.github == null ? 0 : 1

  source_policy_documents = concat(
    data.aws_iam_policy_document.github_lease[*].json,
    data.aws_iam_policy_document.tunnel_use[*].json,
  )

  statement {
    sid       = "LogInByToken"
    actions   = ["rds-db:connect"]
    resources = [for id in local.login_resource_ids : "arn:${local.partition}:rds-db:${var.region}:${local.account_id}:dbuser:${id}/${var.github.login}"]
  }
}

locals {
  github_policies = {
    plan    = one(data.aws_iam_policy_document.github_plan[*].json)
    deploy  = one(data.aws_iam_policy_document.github_deploy[*].json)
    migrate = one(data.aws_iam_policy_document.github_migrate[*].json)
  }
}

resource "aws_iam_role_policy" "github" {
  for_each = aws_iam_role.github

  name   = each.key
  role   = each.value.id
  policy = local.github_policies[each.key]
}

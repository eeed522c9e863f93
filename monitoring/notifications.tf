# Who is told: two topics, encrypted with a customer-managed key. Alarms cannot publish to a topic under AWS's own
# alias/aws/sns, whose policy nobody can change, and say so nowhere; hence the key, and its policy below.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  kms_key_arn = var.kms_key == null ? aws_kms_key.notifications[0].arn : var.kms_key.arn

  topics = toset(["page", "notify"])

  # Which services may publish, about what of this account. Budgets are for the morning.
  publishers = {
    AlarmsOfThisAccount  = { service = "cloudwatch.amazonaws.com", source = "arn:${local.partition}:cloudwatch:${var.region}:${local.account_id}:alarm:*", topics = ["page", "notify"] }
    EventsOfThisAccount  = { service = "events.rds.amazonaws.com", source = "arn:${local.partition}:rds:${var.region}:${local.account_id}:*", topics = ["page", "notify"] }
    BudgetsOfThisAccount = { service = "budgets.amazonaws.com", source = "arn:${local.partition}:budgets::${local.account_id}:*", topics = ["notify"] }
  }

  subscriptions = merge([
    for topic, subscribers in var.subscribers : { for name, subscriber in subscribers : "${topic}/${name}" => merge(subscriber, { topic = topic }) }
  ]...)
}

# --- The key, unless the caller has one -----------------------------------------------------------------------------------

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:This is a key policy: its resource is always the key itself, written as *.
  #checkov:skip=CKV_AWS_111:This is a key policy: its resource is always the key itself, written as *.
  #checkov:skip=CKV_AWS_356:This is a key policy: its resource is always the key itself, written as *.
  count = var.kms_key == null ? 1 : 0

  # Without this statement nobody, the account's administrators included, could ever change the policy again.
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  statement {
    sid       = "NotificationsToEncryptedTopics"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = [for publisher in values(local.publishers) : publisher.service]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_kms_key" "notifications" {
  count = var.kms_key == null ? 1 : 0

  description         = "Notifications about ${var.name}"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key[0].json

  tags = merge(var.tags, { Name = "${var.name}-notifications" })
}

# --- The topics -------------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "main" {
  for_each = local.topics

  name              = "${var.name}-${each.key}"
  display_name      = "${var.name} ${each.key}"
  kms_master_key_id = local.kms_key_arn

  tags = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

# People of this account publish and subscribe by their IAM policies; nobody else does.
data "aws_iam_policy_document" "topic" {
  for_each = local.topics

  dynamic "statement" {
    for_each = { for sid, publisher in local.publishers : sid => publisher if contains(publisher.topics, each.key) }

    content {
      sid       = statement.key
      actions   = ["sns:Publish"]
      resources = [aws_sns_topic.main[each.key].arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values   = [statement.value.source]
      }
    }
  }

  statement {
    sid       = "NothingInTheClear"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.main[each.key].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "main" {
  for_each = local.topics

  arn    = aws_sns_topic.main[each.key].arn
  policy = data.aws_iam_policy_document.topic[each.key].json
}

resource "aws_sns_topic_subscription" "main" {
  for_each = local.subscriptions

  topic_arn = aws_sns_topic.main[each.value.topic].arn
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
}

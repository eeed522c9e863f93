# One customer-managed key for everything at rest: storage, snapshots, backups, Performance Insights, secrets, logs,
# notifications. Its policy names other resources by constructed ARNs, never by reference: log groups need the key
# before they exist, and a reference back would be a cycle.
#
# Whoever deletes the key deletes every snapshot made under it. To keep snapshots beyond the stack's life, take the
# key out of the state before the destroy and hand its ARN back in encryption.kms_key_arn afterwards.

locals {
  kms_key_arn = coalesce(var.encryption.kms_key_arn, one(aws_kms_key.main[*].arn))

  encrypted_log_groups = [
    for path in ["vpc/${local.name}", "rds/instance/${local.name}", "rds/cluster/${local.name}"] :
    "arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:/aws/${path}*"
  ]
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:This is a key policy: its resource is always the key itself, written as *.
  #checkov:skip=CKV_AWS_111:This is a key policy: its resource is always the key itself, written as *.
  #checkov:skip=CKV_AWS_356:This is a key policy: its resource is always the key itself, written as *.

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
    sid       = "LogGroupsOfThisStack"
    actions   = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = local.encrypted_log_groups
    }
  }

  # Alarms and RDS events cannot publish to an encrypted topic otherwise, and say so nowhere.
  statement {
    sid       = "NotificationsToEncryptedTopics"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.rds.amazonaws.com", "budgets.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_kms_key" "main" {
  count = var.encryption.kms_key_arn == null ? 1 : 0

  description             = "Data at rest of ${local.name}: database, snapshots, secrets, logs"
  enable_key_rotation     = true
  deletion_window_in_days = var.encryption.deletion_window_days
  policy                  = data.aws_iam_policy_document.key.json

  tags = { Name = local.name }
}

# A prefix, not a name: after a destroy that kept the key, a fixed alias would still exist and block the next apply.
resource "aws_kms_alias" "main" {
  count = var.encryption.kms_key_arn == null ? 1 : 0

  name_prefix   = "alias/${local.name}-"
  target_key_id = aws_kms_key.main[0].key_id
}

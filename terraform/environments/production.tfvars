# The shop's database. Reachable from inside the VPC only; whatever is unsafe here is refused by guards.tf.
# Use it with: terraform apply -var-file=environments/production.tfvars

environment = "production"
access      = "private" # "ssm" adds a tunnel for people

# Say which account this is, and an apply with the wrong profile is refused.
# allowed_account_ids = ["123456789012"]

network = {
  availability_zones = ["a", "b", "c"]
}

database = {
  instance_class = "db.r8g.large" # 2 vCPU, 16 GiB
  multi_az       = true
}

storage = {
  allocated_gib = 100
  max_gib       = 1000
}

replicas = {
  replica-1 = { multi_az = true } # reading goes on when a zone fails, and a promoted replica has a standby at once
}

backup = {
  retention_days = 14
}

protection = {
  deletion_protection = true
  final_snapshot      = true
}

insights = {
  mode           = "advanced"
  retention_days = 465
}

# Who is told when it rings, and where they read what to do. Then see it ring once: docs/runbooks/README.md.
# monitoring = {
#   subscribers = {
#     page   = { oncall = { protocol = "email", endpoint = "oncall@example.com" } }
#     notify = { team = { protocol = "email", endpoint = "team@example.com" } }
#   }
#   runbooks = "https://github.com/example/shop/blob/main/docs/runbooks"
# }

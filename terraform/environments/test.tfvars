# A database to try things on: one small machine, reachable from a CI runner for minutes at a time, gone without a trace
# when it is destroyed. Use it with: terraform apply -var-file=environments/test.tfvars

environment = "test"
access      = "leased_public"

network = {
  availability_zones = ["a", "b", "c"]
}

database = {
  instance_class = "db.t4g.medium"
  multi_az       = true # what is tested is what runs in production; false halves the price
}

storage = {
  allocated_gib = 20
  max_gib       = 100
}

backup = {
  retention_days = 1
}

maintenance = {
  apply_immediately = true
}

protection = {
  deletion_protection      = false
  final_snapshot           = false
  delete_automated_backups = true
  secret_recovery_days     = 0
}

encryption = {
  deletion_window_days = 7
}

logs = {
  retention_days = 30
}

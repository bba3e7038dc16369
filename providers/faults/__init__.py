"""What a vendor's refusal means: tables of codes, messages and statuses, and who reads them."""

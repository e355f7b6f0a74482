# ${instance["name"]}.${instance["domain"]}
option domain-name "${instance["domain"]}";
option domain-name-servers ${", ".join(instance["servers"])};
default-lease-time ${instance["lease"]};
max-lease-time ${instance["lease"] * 2};
${"authoritative;" if instance["authoritative"] else ""}

subnet ${instance["subnet"]} netmask ${instance["netmask"]} {
    option routers ${instance["router"]};
    range ${instance["from"]} ${instance["to"]};
}

% for host in instance["hosts"]:
host ${host["name"]} {
    hardware ethernet ${host["mac"]};
    fixed-address ${host["address"]};
    ${"# an administrator's" if host["admin"] else "# a user's"}
}
% endfor

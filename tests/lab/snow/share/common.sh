# The functions of the stand-in for sNow! 1.1.16's `snow`: those that touch domains, with the names, redirections and
# file descriptors of the original. stdout and stderr are the log once logsetup has run, fd 3 is the terminal.

# say COLOUR MARK TEXT [COLOUR WORD]: a line over whatever the spinner has left there.
say() {
    printf '\r\e[0K[\e[%sm%s\e[m] %s \e[%sm%s\e[m \n' "$1" "$2" "$3" "${4:-0}" "${5-}" >&3
}

msg() { echo "$1" >&3; }
info_msg() { say '0;32' I "$1"; }
warning_msg() { say '0;33' W "$1"; }
error_msg() { say '0;31' E "$1"; }
error_exit() {
    error_msg "${1:-Unknown error}"
    exit 1
}

error_check() {
    if [[ $1 == 0 ]]; then
        say '0;32' '*' "$2" '0;32' OK
    else
        say '0;31' '!' "$2" '0;31' FAIL
    fi
}

# Waits for a background process, but sees only those that have a terminal, like the original: without one it does
# not wait.
spinner() {
    local turn=0
    while ps a -o pid= | grep -qw "$1"; do
        printf '\r\e[0K[%s] %s' "$((turn++ % 10))" "$2" >&3
        sleep 0.25
    done
}

# in_background TEXT COMMAND...: under a spinner, and says how it ended.
in_background() {
    local text=$1
    shift
    { "$@" && error_check 0 "$text" || error_check 1 "$text"; } &
    spinner $! "$text"
}

logsetup() {
    touch "$LOGFILE"
    chmod 600 "$LOGFILE"
    exec 3>&1 1>>"$LOGFILE" 2>&1
}

shelp() {
    msg "Usage: snow [function] <domain|server> <option>
    deploy <domain> <force>; add domain <domain>; remove domain <domain>; list domains
    boot|shutdown|destroy|poweroff|reset <domain>|domains; reboot|console <domain>; version; help"
}

# Sets is_vm to 1 for a name in domains.conf. Ranges of nodes such as n[01-10] are no names there.
get_server_distribution() {
    is_vm=$(gawk -v name="$1" '$1 == name { found = 1 } END { print found + 0 }' "$SNOW_DOMAINS")
}

domain_file() { echo "$SNOW_TOOL/etc/domains/$1.cfg"; }

deploy() {
    [[ -n $opt2 ]] || error_exit "No domain or node to deploy"
    get_server_distribution "$opt2"
    ((is_vm)) || error_exit "The node $opt2 does not exist: the stand-in deploys domains only."
    deploy_domain_xen "$opt2" "$2"
} 1>>"$LOGFILE" 2>&1

deploy_domain_xen() {
    local domain=$1 role nic_ip bridge mac mask gateway force=()
    get_server_distribution "$domain"
    if [[ -f $(domain_file "$domain") ]]; then
        # opt3 whoever calls: `snow add domain NAME` has NAME there.
        [[ $opt3 == force ]] || error_exit "The domain $domain already exists: use force, or remove it first."
        warning_msg "The domain $domain is installed anew, its data is lost."
        remove_domain_xen "$domain"
        force=(--force)
    elif ((is_vm)); then
        info_msg "Deploying the domain $domain. This takes a while."
    else
        error_exit "The domain $domain is not in $SNOW_DOMAINS."
    fi
    read -r _ role _ nic_ip bridge mac mask gateway _ < <(gawk -v name="$domain" '$1 == name' "$SNOW_DOMAINS")
    LC_ALL=C xen-create-image --config="$SNOW_TOOL/etc/xen-tools.conf" --hostname="$domain" --mac="$mac" \
        --bridge="$bridge" --ip="$nic_ip" --gateway="$gateway" --netmask="$mask" --role="snow,$role" \
        --password="$MASTER_PASSWORD" "${force[@]}" "--$IMG_DST"
    # Only the file tells: the status of xen-create-image is not looked at.
    [[ -f $(domain_file "$domain") ]] || error_exit "The domain $domain could not be installed."
    error_check 0 "Deployment of $domain completed."
} 1>>"$LOGFILE" 2>&1

# `snow remove domain NAME force` asks too: opt3 is NAME there. Only `snow deploy NAME force` does not.
remove_domain_xen() {
    local domain=$1 answer
    if [[ ! -f $(domain_file "$domain") ]]; then
        error_msg "There is no domain of this name."
        return
    fi
    if [[ $opt3 != force ]]; then
        warning_msg "Do you want to remove the domain $domain? [y/N] (20 seconds)"
        read -r -t 20 -u 3 answer
        [[ ${answer,,} =~ ^(y|yes)$ ]] || error_exit "Nothing is removed."
    fi
    xl destroy "$domain"
    xen-delete-image "--$IMG_DST" --hostname="$domain"
    rm -f "$(domain_file "$domain")"
} 1>>"$LOGFILE" 2>&1

boot() {
    [[ -n $1 ]] || error_exit "No domain or node to boot."
    get_server_distribution "$1"
    ((is_vm)) || error_exit "The node $1 does not exist: the stand-in boots domains only."
    boot_domain "$1"
}

boot_domain() {
    local domain=$1
    [[ -f $(domain_file "$domain") ]] || error_exit "The domain $domain needs to be deployed first."
    if ((${#SNOW_NODES[@]} > 1)); then
        crm resource cleanup "$domain"
        crm resource start "$domain"
    elif [[ -z $(xl list "$domain") ]]; then
        xl create "$(domain_file "$domain")"
    else
        warning_msg "The domain $domain runs already."
    fi
}

boot_domains() {
    local domain
    for domain in $SELF_ACTIVE_DOMAINS; do
        boot "$domain"
        sleep 2
    done
}

check_host_status() {
    ping -c 1 "$1" &>/dev/null || error_msg "The host $1 does not answer."
}

nshutdown() {
    [[ -n $1 ]] || error_exit "No domain or node to shut down."
    check_host_status "$1"
    get_server_distribution "$1"
    if ((is_vm && ${#SNOW_NODES[@]} > 1)); then
        crm resource stop "$1"
    else
        pdsh -w "$1" systemctl poweroff
    fi
} &>/dev/null

shutdown_domains() {
    local domain
    for domain in $SELF_ACTIVE_DOMAINS; do
        if ((${#SNOW_NODES[@]} > 1)); then
            crm resource stop "$domain"
        else
            nshutdown "$domain"
        fi
    done
}

nreboot() {
    [[ -n $1 ]] || error_exit "No domain or node to reboot."
    check_host_status "$1"
    pdsh -w "$1" reboot
} &>/dev/null

# of_domain_or_node NAME COMMAND...: the command for a domain, on this server only, whether or not Pacemaker runs it.
of_domain_or_node() {
    [[ -n $1 ]] || error_exit "No domain or node."
    get_server_distribution "$1"
    if ((is_vm)); then
        "${@:2}" "$1"
    else
        ipmitool -H "$1-mgmt" power "${opt1}"
    fi
}

ndestroy() { of_domain_or_node "$1" xl destroy; }
npoweroff() { of_domain_or_node "$1" xl shutdown; }
nreset() { of_domain_or_node "$1" xl reboot -F; }
nconsole() { of_domain_or_node "$1" xl console >&3; }

destroy_domains() {
    for domain in $SELF_ACTIVE_DOMAINS; do ndestroy $domain; done
    unset domain
}

poweroff_domains() {
    for domain in $SELF_ACTIVE_DOMAINS; do npoweroff $domain; done
    unset domain
}

# Called by nobody: the verb says nreset_domains, which is not there.
reset_domains() {
    for domain in $SELF_ACTIVE_DOMAINS; do nreset $domain; done
    unset domain
}

avail_domains() {
    local file domain server host power
    printf '%-20s  %-10s  %-20s\n' Domain 'HW status' Host >&3
    for file in "$SNOW_TOOL"/etc/domains/*.cfg; do
        domain=$(gawk -F "'" '/^name/ { print $2 }' "$file")
        power=off host=
        for server in "${SNOW_NODES[@]}"; do
            if ssh -n -o ConnectTimeout=5 "$server" /usr/sbin/xl list -l "$domain" | grep -q '"domid"'; then
                power=on host=$server
                ssh -n -o ConnectTimeout=5 "$domain" uptime -p
            fi
        done
        printf '%-20s  %-10s  %-20s\n' "$domain" "$power" "$host" >&3
    done
}

for i in "$SNOW_TOOL"/share/common.d/*.sh "$SNOW_TOOL"/share/hooks.d/*.sh; do
    if [[ -r $i ]]; then
        source "$i"
    fi
done
unset i

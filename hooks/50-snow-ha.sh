# shellcheck shell=bash
# snow-ha inside sNow!'s own `snow` command: answers `snow ha`, tells snow-ha what happens to domains, has it boot, stop,
# reset, list and show those that Pacemaker looks after, and supplies `snow add domain`.
#
# The host sources this file from its hooks.d directory into every `snow` command on every server: with its own
# functions defined, the command line still in "$@", and stdout not yet turned to its log (fd 3 is the terminal
# from then on). Every verb that is none of ours pays for it, so the common case comes first and starts no process.

# opt1 and opt2 are the host's copies of the first two words. "$1" would not do: scripts that source the host's
# functions through its snow-env.sh get here with an "$1" of their own, and without opt1.
case ${opt1-} in
    ha | deploy | boot | shutdown | destroy | poweroff | reset | reboot | console) ;;
    list) [[ ${opt2-} == domain?(s) ]] || return 0 ;;
    add | remove) [[ ${opt2-} == domain ]] || return 0 ;;
    *) return 0 ;;
esac
# The hook directory is shared by all servers, the package may be missing on this one.
type -P snow-ha >/dev/null || return 0

if [[ $opt1 == ha ]]; then
    # The host keeps its record of actions after its own verbs, and does not come to that here.
    mkdir -p "$SNOW_LOG"
    (umask 077 && echo "$(date)  ${SUDO_USER-} as ${USER-}    $*" >>"$SNOW_LOG/snow_actions.log")
    shift
    # Nothing of the host is left between the terminal and snow-ha: neither its traps nor its exit status.
    exec snow-ha "$@"
fi

# Layout 2.0 or 1.1.16.
snow_ha_domains=${SNOW_SRV:-$SNOW_PATH/snow-tools/etc}/domains

# snow_ha_event EVENT DOMAIN [CONFIG_PATH]: returns if the host may go on, which only status 107 (unsafe) forbids.
snow_ha_event() {
    # As the host's own messages do: over what its spinner has written.
    printf '\r\e[0K' >&3
    snow-ha event "$@" </dev/null >&3 2>&3
    case $? in
        0) ;;
        107) error_exit "snow-ha does not allow this for the domain $2 (the reason stands above)." ;;
        *) warning_msg "High availability does not know of this change to the domain $2. To repair: snow ha sync" ;;
    esac
}

# Keeps the host's function NAME as snow_ha_host_NAME, redirections included, so that NAME can be defined anew. One for
# all domains goes through those that are left to it then.
snow_ha_set_aside() {
    local definition
    definition=$(declare -f "$1") || return
    [[ $1 != *_domains ]] || definition=${definition//SELF_ACTIVE_DOMAINS/snow_ha_left}
    eval "snow_ha_host_$definition"
}

# snow_ha_act ACTION DOMAIN...: has snow-ha do what is its business, and sets snow_ha_left to the domains of which nothing
# is. Its status is that of what snow-ha did.
snow_ha_act() {
    local said status
    said=$([[ $1 == console ]] || exec </dev/null; exec snow-ha act --left 4 "$@" 4>&1 >&3 2>&3)
    status=$?
    # It says that it has begun, then what is left.
    if [[ $said != .* ]]; then
        warning_msg "High availability did not answer, and does not know of this $1. See: snow ha status"
        snow_ha_left=${*:2}
        return 0
    fi
    said=${said#.}
    snow_ha_left=${said//$'\n'/ }
    return $status
}

# snow_ha_one ACTION FUNCTION NAME...: the host's FUNCTION, for a domain that is left to it, or for nodes.
snow_ha_one() {
    local snow_ha_left=$3
    if [[ -z ${snow_ha_asked-} ]] && snow_ha_is_domain "$3"; then
        snow_ha_act "$1" "$3" || snow_ha_end $? || return
    fi
    [[ -z ${snow_ha_left// /} && -n $3 ]] || "snow_ha_host_$2" "${@:3}"
}

# snow_ha_all ACTION FUNCTION: the host's FUNCTION for all domains that are left to it; snow-ha acts on all at once.
snow_ha_all() {
    local snow_ha_left="" snow_ha_asked=yes name names=() others="" status=0
    for name in $SELF_ACTIVE_DOMAINS; do
        # What is not deployed the host refuses by itself.
        if ((${#SNOW_NODES[@]} > 1)) && [[ $1 != boot || -e $snow_ha_domains/$name.cfg ]]; then
            names+=("$name")
        else
            others+=" $name"
        fi
    done
    ((${#names[@]} == 0)) || snow_ha_act "$1" "${names[@]}" || status=$?
    snow_ha_left+=$others
    [[ -z ${snow_ha_left// /} ]] || "snow_ha_host_$2" || status=$?
    ((status == 0)) || snow_ha_end $status
}

# snow_ha_table list FUNCTION: the table of the host's FUNCTION from snow-ha, or from the host where that fails.
snow_ha_table() {
    if ((${#SNOW_NODES[@]} > 1)); then
        snow-ha list-domains </dev/null >&3 2>&3 && return
    fi
    "snow_ha_host_$2" "${@:3}"
}

# What the host calls in its own process ends here, with its line in the record; behind a spinner the status is enough.
snow_ha_end() {
    [[ $BASHPID == "$$" ]] || return "$1"
    (umask 077 && echo "$(date)  ${SUDO_USER-} as ${USER-}    ${snow_ha_words[*]}" >>"$SNOW_LOG/snow_actions.log")
    exit "$1"
}

# Whether the host takes the name for a domain's and runs domains on several servers. Starts no process.
snow_ha_is_domain() {
    local name
    [[ -n $1 ]] && ((${#SNOW_NODES[@]} > 1)) || return
    # The last row may have no newline.
    while read -r name _ || [[ -n $name ]]; do
        [[ $name != "$1" ]] || return 0
    done <"$SNOW_DOMAINS"
    return 1
}

# snow_ha_wrap KIND ACTION FUNCTION: from now on the host's FUNCTION asks first, as snow_ha_KIND has it.
snow_ha_wrap() {
    snow_ha_set_aside "$3" && eval "$3() { snow_ha_$1 $2 $3 \"\$@\"; }"
}

# snow_ha_announcing PROGRAM EVENT FUNCTION DOMAIN: calls the host's FUNCTION, and fires EVENT right before the
# first call of PROGRAM in it: the host has asked and checked by then, and has changed nothing yet.
snow_ha_announcing() {
    local status
    eval "$1() { unset -f $1; snow_ha_event $2 ${4@Q}; $1 \"\$@\"; }"
    "$3" "${@:4}"
    status=$?
    unset -f "$1"
    return $status
}

snow_ha_set_aside deploy_domain_xen && deploy_domain_xen() {
    local snow_ha_destruction=replacing
    [[ ${opt3-} != force || ! -e $snow_ha_domains/$1.cfg ]] || snow_ha_event ending "$1"
    snow_ha_host_deploy_domain_xen "$@" || return
    snow_ha_event created "$1" "$snow_ha_domains/$1.cfg"
}

# Called by the host's deploy_domain_xen too, for `snow deploy NAME force`.
snow_ha_set_aside remove_domain_xen && remove_domain_xen() {
    [[ -n ${snow_ha_destruction-} || ! -e $snow_ha_domains/$1.cfg ]] || snow_ha_event ending "$1"
    snow_ha_announcing xl "${snow_ha_destruction:-removing}" snow_ha_host_remove_domain_xen "$@"
}

case $opt1 in
    shutdown | destroy | poweroff | reset | reboot | console)
        # shellcheck disable=SC2034 # of snow_ha_end
        snow_ha_words=("$@")
        snow_ha_wrap one "$opt1" "n$opt1"
        snow_ha_wrap all "$opt1" "${opt1}_domains"
        # sNow! 1.1.16 calls it so, and has it by the other name.
        if declare -F reset_domains >/dev/null && ! declare -F nreset_domains >/dev/null; then
            nreset_domains() { reset_domains; }
        fi
        ;;
    boot)
        snow_ha_set_aside boot_domain && boot_domain() {
            local snow_ha_asked=${snow_ha_asked-}
            [[ -e $snow_ha_domains/$1.cfg ]] || snow_ha_asked=yes
            snow_ha_one boot boot_domain "$@"
        }
        snow_ha_wrap all boot boot_domains
        ;;
    list)
        # By its names in sNow! 1.1.16 and 2.0.
        snow_ha_wrap table list avail_domains
        snow_ha_wrap table list list_domains
        ;;
esac

# The host dispatches `snow add domain` to this name and leaves it undefined; an enterprise file may define it
# later, which then counts.
declare -F add_domain_xen >/dev/null || add_domain_xen() {
    [[ -n ${1-} ]] || error_exit "No domain to add. Use: snow add domain NAME"
    if [[ -e $snow_ha_domains/$1.cfg ]]; then
        error_exit "The domain $1 exists already. To install it anew and lose its data: snow deploy $1 force"
    fi
    deploy_domain_xen "$1" &
    spinner $! "Adding $1"
    # Without a terminal the host's spinner does not wait.
    wait $!
}

# Every directive: its default, each value that it takes, what is refused with
# which advice, where it may stand, and how it merges. One table says it all; a
# directive that is missing from the table fails the last test.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA 'sha256';
use MIME::Base64 qw(decode_base64 encode_base64);
use NegTest;
use NegTest::Httpd qw(httpd_user mpm);
use NegTest::Keytab qw(read_keytab write_keytab);
use NegTest::Pac qw(logon_info mint);
use NegTest::Stage;

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';

my $www    = keytab('directives');
my $delegated = stage_dir() . '/directives';
mkdir $_ for $delegated, "$delegated/a", "$delegated/b", stage_dir() . '/htdocs/ht';
NegTest::Stage->give_to_httpd("$delegated/$_", 0700) for qw(a b);
chmod 0711, $delegated;
chmod 0755, stage_dir() . '/htdocs/ht';
write_keytab($www, grep { $_->{principal} =~ /^HTTP.www/ } read_keytab(keytab()));

my $certificate = stage_dir() . '/tls/server.crt';
my $pem         = run([ 'openssl', 'x509', '-in', $certificate ])->{output};
my $end_point   = 'tls-server-end-point:' . sha256(decode_base64(join '', grep { !/^-/ } split /\n/, $pem));

my ($user) = httpd_user() || getpwuid $>;
my (undef, undef, undef, $gid) = getpwnam $user;
my $group = getgrgid $gid;

kdc()->add_principal('erin\@corp.test', password => 'erin');

my $users = stage_dir() . '/directives-users';
{
    chomp(my $hash = run([ qw(openssl passwd -apr1 dave) ])->{output});
    open my $out, '>', $users or die "$users: $!\n";
    print $out "$_:$hash\n" for 'dave', 'dave@OTHER.TEST';
    close $out;
    chmod 0644, $users;
}

# --- the table ---------------------------------------------------------------
#
# see       what a client observes of the setting: code of a location's path
# default   what is observed without the directive
# values    pairs: what is written, and what is then observed; the first two differ
# with      what else a location needs so that the setting can be observed
# wrong     pairs: what is written, and what the refusal must advise
# contexts  server, location, htaccess: where it may stand; without location it is
#           for a whole server, and each value is seen in a virtual host

my %DIRECTIVES = (
    AuthNegotiateKeytab => {
        see     => \&sees_keytab,
        default => 'localhost',                     # krb5's default: KRB5_KTNAME
        values  => [
            $www               => 'www',
            keytab()           => 'localhost',
            "FILE:$www"        => 'www',
            "FILE:" . keytab() => 'localhost',
        ],
        wrong    => [ q("")  => qr/takes one argument, the keytab/, '/a /b' => qr/takes one argument/ ],
        contexts => [qw(server location)],
    },
    AuthNegotiateAcceptor => {
        see     => \&sees_acceptor,
        default => 'HTTP',
        values  => [
            any                                => 'HTTP host',
            'HTTP@www.example.test'            => 'none',
            HTTP                               => 'HTTP',
            'HTTP@localhost'                   => 'HTTP',
            'host@localhost'                   => 'host',
            '"%{tolower:ANY}"'                 => 'HTTP host',
            '"HTTP@%{HTTP:X-Acceptor}"'        => 'HTTP',
            ANY                                => 'HTTP host',
        ],
        wrong => [
            http                           => qr/write HTTP .* any .* HTTP\@host\.name/,
            'HTTP/localhost'               => qr/write HTTP/,
            'HTTP/localhost@EXAMPLE.TEST'  => qr/without a realm/,
            'HTTP@'                        => qr/write HTTP/,
            '@localhost'                   => qr/write HTTP/,
            q("")                          => qr/takes one argument, which keys/,
            '"%{nosuchfunction:x}"'        => qr/expression "%\{nosuchfunction:x\}" cannot be read/,
            'HTTP host'                    => qr/takes one argument/,
        ],
        contexts => [qw(location)],
    },
    AuthNegotiateMechs => {
        see      => \&sees_mechs,
        default  => 'krb5',
        values   => [ krb5 => 'krb5', KRB5 => 'krb5', 'krb5 krb5' => 'krb5' ],
        one      => 'for a Kerberos token there is one mechanism; t/ntlm.t has the other',
        wrong    => [ 'krb5 digest' => qr/no mechanism "digest"; write krb5, ntlmssp or both/,
            'krb5 iakerb' => qr/iakerb .* cannot be bounded, .* write AuthNegotiateMechs krb5/,
            q() => qr/requires at least one argument/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateRequireTLS => {
        see      => \&sees_require_tls,
        default  => 'Off',
        values   => [ On => 'On', Off => 'Off', on => 'On', off => 'Off' ],
        wrong    => [ yes => qr/must be On or Off/, q() => qr/must be On or Off|takes one argument/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateChannelBinding => {
        see     => \&sees_binding,
        default => 'off',               # as everything is without TLS and without a certificate
        values  => [
            off                     => 'off',
            require                 => 'nobody',
            "require $certificate"  => 'require',
            "optional $certificate" => 'optional',
            "REQUIRE $certificate"  => 'require',
            optional                => 'off',
            Off                     => 'off',
        ],
        wrong => [
            maybe                  => qr/write optional, off or require, not "maybe"/,
            "off $certificate"     => qr/off has no use for a certificate; leave it out/,
            'require /nonexistent' => qr{/nonexistent cannot be read},
            "require $0"           => qr/certificate cannot be read; write the file of the certificate, in PEM/,
            q()                    => qr/takes 1-2 arguments/,
        ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateBasicProvider => {
        see      => \&sees_provider,
        default  => 'off',
        with     => 'AuthNegotiateRequireTLS Off',
        values   => [ kerberos => 'kerberos', off => 'off', 'kerberos file' => 'kerberos', file => 'other', Off => 'off' ],
        wrong    => [ 'no-such' => qr/no provider that is loaded; write kerberos, off/, q() => qr/requires at least one argument/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateBasicRealm => {
        see      => \&sees_realm,
        default  => 'default',
        with     => "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider kerberos",
        values   => [ 'OTHER.TEST' => 'other', default => 'default', 'X.TEST OTHER.TEST' => 'other', 'other.test' => 'default', Default => 'default' ],
        wrong    => [ '@OTHER.TEST' => qr/no realm; write it without an @/, 'A.TEST,B.TEST' => qr/"A\.TEST,B\.TEST": separate realms by spaces/, q() => qr/requires at least one argument/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateBasicEnterprise => {
        see      => \&sees_enterprise,
        default  => 'Off',
        with     => "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider kerberos",
        values   => [ On => 'On', Off => 'Off', on => 'On', off => 'Off' ],
        wrong    => [ yes => qr/must be On or Off/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateReplayCache => {
        see     => \&sees_replay,       # krb5's own is switched off in this test
        default => 'twice',
        values  => [
            shmcb              => 'once',
            default            => 'twice',
            'shmcb or-local'   => 'once',
            'shmcb:@stage@/rcache/with,comma(512000)' => 'once',
            'shmcb: or-refuse' => 'once',
            Default            => 'twice',
        ],
        wrong => [
            'no-such-cache'    => qr/is no cache that is loaded; write a provider .* Or write default or memory/,
            'default or-local' => qr/go with a shared cache/,
            'shmcb(512000)'    => qr{write shmcb:/path/name\(512000\)},
            'redis://localhost:6379' => qr{names no server: write redis:host:port.*without //},
            'redis:localhost:port' => qr/"redis:localhost:port" names no server/,
            'redis:localhost:99999' => qr/names no server/,
            'memcache:a:1,:2'  => qr/names no server: write memcache:host:port/,
            'shmcb or-nothing' => qr/write or-refuse .* or or-local/,
            q()                => qr/takes 1-2 arguments/,
        ],
        contexts => [qw(server)],
    },
    AuthNegotiatePersist => {
        see      => \&sees_persist,
        default  => 'Off',
        values   => [ On => 'On', Off => 'Off', on => 'On', off => 'Off' ],
        wrong    => [ always => qr/must be On or Off/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateOffer => {
        see      => \&sees_offer,
        with     => "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider kerberos",
        default  => 'always',
        values   => [ once => 'once', always => 'always', ONCE => 'once', Always => 'always' ],
        wrong    => [ never => qr/write always or once, not "never"/, 'once always' => qr/takes one argument/ ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateUser => {
        see     => \&sees_user,
        default => 'alice@EXAMPLE.TEST',
        values  => [
            strip                             => 'alice',
            principal                         => 'alice@EXAMPLE.TEST',
            Principal                         => 'alice@EXAMPLE.TEST',
            local                             => 'alice',
            'strip EXAMPLE.TEST'              => 'alice',
            'STRIP OTHER.TEST EXAMPLE.TEST'   => 'alice',
            'strip OTHER.TEST'                => 'alice@EXAMPLE.TEST',
            'strip EXAMPLE'                   => 'alice@EXAMPLE.TEST',
            'strip example.test'              => 'alice@EXAMPLE.TEST',
            '"%{reqenv:NEGOTIATE_REALM}/x"'   => 'EXAMPLE.TEST/x',
        ],
        wrong => [
            upper                 => qr/write principal, local, strip/,
            q()                   => qr/write principal, local, strip/,
            'principal local'     => qr/write principal, local, strip/,
            'strip @EXAMPLE.TEST' => qr/"\@EXAMPLE\.TEST": write the realm without its \@/,
            'strip A.TEST,B.TEST' => qr/"A\.TEST,B\.TEST": separate realms by spaces/,
            'account @EXAMPLE.TEST' => qr/AuthNegotiateUser account: "\@EXAMPLE\.TEST": write the realm without its \@/,
            'upn @EXAMPLE.TEST'   => qr/AuthNegotiateUser upn: "\@EXAMPLE\.TEST": write the realm without its \@/,
            '"%{nosuchfunction:x}"' => qr/cannot be read/,
        ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateGroup => {
        see     => \&sees_group,
        default => 'none',
        values  => [
            'Editors S-1-5-21-1-2-3-1200'   => 'Editors',
            '"A Team" S-1-5-21-1-2-3-1200'  => 'A Team',
            '"Editors" S-1-5-21-1-2-3-9'    => 'none',
            off                             => 'none',
            Off                             => 'none',
        ],
        wrong => [
            Editors                         => qr/write a name and its SID, or off/,
            'Editors 1200'                  => qr/begins with S-1-.*tools\/ad-groups/,
            'S-1-5-21-1-2-3-1200 Editors'   => qr/begins with S-1-/,
            'S-1-5-32-544 S-1-5-32-544'     => qr/write the name first, then the SID/,
            '"A;B" S-1-5-21-1-2-3-1200'     => qr/no semicolon/,
            '" A" S-1-5-21-1-2-3-1200'      => qr/no space at its ends/,
            'everyone S-1-5-21-1-2-3-1200'  => qr/another group everywhere/,
            '"Domain Users" S-1-5-21-1-2-3-1200' => qr/another group everywhere/,
        ],
        contexts => [qw(server location)],
    },
    AuthNegotiateAttribute => {
        see      => \&sees_attribute,
        default  => 'none',
        values   => [
            'TICKET urn:mspac:client-info'     => 'client-info',
            'TICKET urn:mspac:server-checksum' => 'another',
            'TICKET urn:nobody:has-this'       => 'none',
            off                                => 'none',
            Off                                => 'none',
        ],
        wrong    => [
            TICKET     => qr/write the attribute that TICKET is to show/,
            'A-B x'    => qr/"A-B" is no name of a variable/,
            '1A x'     => qr/"1A" is no name of a variable/,
            'TICKET ""' => qr/write the attribute/,
            'TICKET "%{HTTP:X}"' => qr/cannot be an expression/,
            'REMOTE_USER x' => qr/has a meaning of its own/,
            'A b c'    => qr/takes one or two arguments|takes 1-2 arguments/,
        ],
        contexts => [qw(location htaccess)],
    },
    AuthNegotiateDelegate => {
        see      => \&sees_delegate,
        default  => 'off',
        values   => [ "FILE:$delegated/a" => "$delegated/a", "FILE:$delegated/b" => "$delegated/b", off => 'off', Off => 'off' ],
        wrong    => [
            "$delegated/a"    => qr/write off, or FILE: and a private directory/,
            'FILE:'           => qr/write off, or FILE:/,
            "file:$delegated" => qr/write off, or FILE:/,
            'MEMORY:'         => qr/write off, or FILE:/,
            On                => qr/write off, or FILE:/,
        ],
        contexts => [qw(server location)],
    },
    AuthNegotiateDelegatePerms => {
        see     => \&sees_perms,
        default => '0600',
        with    => "AuthNegotiateDelegate FILE:$delegated/a",
        values  => [
            'mode:0640'                          => '0640',
            'mode:600'                           => '0600',
            'mode:0660'                          => '0660',
            "mode:0640 user:$user group:$group"  => '0640',
            "group:$group"                       => '0600',
        ],
        wrong => [
            'mode:0644'           => qr/everybody.*write mode:0600, mode:0640 or mode:0660/,
            'mode:0700'           => qr/write mode:0600/,
            'mode:0400'           => qr/close them to their owner; write mode:0600/,
            'mode:rw'             => qr/no file mode; write three or four octal digits/,
            'mode:'               => qr/no file mode/,
            'mode:0680'           => qr/no file mode/,
            'mode:10600'          => qr/no file mode/,
            'user:no-such-user'   => qr/there is no user "no-such-user"/,
            'group:no-such-group' => qr/there is no group "no-such-group"/,
            'user:'               => qr/write mode:0640, user:name, group:name/,
            '0640'                => qr/"0640" is not understood; write mode:0640/,
            q()                   => qr/write mode:0640, user:name or group:name/,
        ],
        contexts => [qw(server location)],
    },
    AuthNegotiateDelegateEnv => {
        see      => \&sees_env,
        default  => 'KRB5CCNAME',
        with     => "AuthNegotiateDelegate FILE:$delegated/a",
        values   => [ TICKETS => 'TICKETS', KRB5CCNAME => 'KRB5CCNAME', _T1 => '_T1' ],
        wrong    => [ '1A' => qr/does not begin with a digit; write for example KRB5CCNAME/,
            'A-B' => qr/letters, digits and underscores/, q("") => qr/takes one argument, the variable/, 'A B' => qr/takes one argument/ ],
        contexts => [qw(server location)],
    },
    AuthNegotiateProxyService => {
        see      => \&sees_proxy_service,
        default  => 'passes on',
        with     => 'ProxyPass "' . url('/plain') . '"',
        values   => [ HTTP => 'needs a ticket', off => 'passes on', 'HTTP@localhost' => 'needs a ticket',
            'HTTP optional' => 'passes on', '"HTTP@%{HTTP_HOST}"' => 'needs a ticket' ],
        wrong    => [ 'localhost' => qr/"localhost" is not understood; write HTTP \(at the host.*HTTP\@backend/,
            'HTTP@' => qr/is not understood; write HTTP/, 'HTTP/localhost' => qr/is not understood/, 'any' => qr/is not understood/,
            'HTTP never' => qr/write optional after a service/, 'off optional' => qr/write optional after a service/,
            'HTTP@%{' => qr/the expression .* cannot be read/ ],
        contexts => [qw(server location)],
    },
    AuthNegotiateS4U2Proxy => {    # the KDC permits none
        see     => \&sees_services,
        default => 'Off',
        with    => "AuthNegotiateDelegate FILE:$delegated/a\nErrorDocument 403 /errors/env.pl",
        values  => [
            'On HTTP@www.example.test'                  => 'HTTP@www.example.test',
            Off                                         => 'Off',
            'On HTTP/localhost@EXAMPLE.TEST'            => 'HTTP/localhost@EXAMPLE.TEST',
            'on HTTP@localhost account:HTTP'            => '500',
            'On HTTP@localhost optional'                => 'Off',
        ],
        wrong => [
            On                      => qr/name the services that the application uses/,
            'On optional'           => qr/name the services/,
            q()                     => qr/write Off, or On and the services/,
            'HTTP@www.example.test' => qr/write Off, or On and the services/,
            'On www.example.test'   => qr/"www.example.test" is not understood; write services such as/,
            'On HTTP@'              => qr/is not understood/,
            'On HTTP/'              => qr/is not understood/,
            'On HTTP/@EXAMPLE.TEST' => qr/is not understood/,
            'On HTTP@a account:'    => qr/is not understood/,
            'Off HTTP@a'            => qr/write Off, or On/,
        ],
        contexts => [qw(server location)],
    },
    AuthNegotiateImpersonate => {
        see     => \&sees_impersonated,
        default => 'no-evidence no-evidence',
        with    => "AuthNegotiateDelegate FILE:$delegated/a\nAuthNegotiateS4U2Proxy On HTTP\@www.example.test\nErrorDocument 403 /errors/env.pl\n"
          . "AuthNegotiateRequireTLS Off\nAuthNegotiateBasicProvider file\nAuthUserFile $users",
        values   => [ On => 'not-permitted name', Off => 'no-evidence no-evidence', 'On OTHER.TEST' => 'not-permitted not-permitted', on => 'not-permitted name' ],
        wrong    => [
            q()             => qr/write Off, or On/,
            'OTHER.TEST'    => qr/write Off, or On/,
            'Off OTHER.TEST' => qr/write Off, or On/,
            'On @OTHER.TEST' => qr/write it without an @/,
        ],
        contexts => [qw(server location)],
    },
);

# --- what a client observes --------------------------------------------------

my $port;    # of the server that is asked
my $host;

sub get {
    my ($path, @headers) = @_;
    return http(port => $port, $host ? (host => $host) : ())->get("$path/env.pl", @headers);
}

sub with_token {
    my ($path, %opt) = @_;
    return get($path, Authorization => initiator('alice', %opt)->authorization);
}

sub sees_keytab {
    my ($path) = @_;
    my @good = grep { with_token($path, target => "HTTP\@$_->[1]")->status == 200 }
      [ localhost => 'localhost' ], [ www => 'www.example.test' ];
    # the server's keytab has both, the other one only the second
    return @good == 2 ? 'localhost' : @good ? $good[0][0] : 'none';
}

sub sees_acceptor {
    my ($path) = @_;
    my @good = grep {
        get($path, 'X-Acceptor' => 'localhost', Authorization => initiator('alice', target => "$_\@localhost")->authorization)
          ->status == 200
    } qw(HTTP host);
    return "@good" || 'none';
}

sub sees_mechs { my ($path) = @_; return with_token($path)->env->{NEGOTIATE_MECH} }

sub sees_require_tls { my ($path) = @_; return { 401 => 'Off', 403 => 'On' }->{ get($path)->status } }

# Whether a token enters that is bound to the certificate, to none, to another.
sub sees_binding {
    my ($path) = @_;
    my @enters = map { with_token($path, bindings => $_)->status == 200 ? 1 : 0 } $end_point, undef, 'another';
    return { 111 => 'off', 110 => 'optional', 100 => 'require', '000' => 'nobody' }->{ join '', @enters };
}

sub with_password {
    my ($path, $user, $password) = @_;
    return get($path, Authorization => 'Basic ' . encode_base64("$user:$password", ''))->status == 200;
}

sub sees_provider {
    my ($path) = @_;
    return 'off' if !grep { /^Basic / } get($path)->challenges;
    return with_password($path, 'alice', 'alice') ? 'kerberos' : 'other';
}

sub sees_realm { my ($path) = @_; return with_password($path, 'carol@OTHER.TEST', 'carol') ? 'other' : 'default' }

sub sees_enterprise { my ($path) = @_; return with_password($path, 'erin@corp.test', 'erin') ? 'On' : 'Off' }

sub sees_replay {
    my ($path) = @_;
    my $token  = initiator('alice')->authorization;
    my @status = map { get($path, Authorization => $token)->status } 1, 2;
    return { '200 200' => 'twice', '200 401' => 'once' }->{"@status"};
}

sub sees_persist { my ($path) = @_; return with_token($path)->header('Persistent-Auth') ? 'On' : 'Off' }

sub sees_offer {
    my ($path) = @_;
    my $http = http(port => $port, $host ? (host => $host) : ());
    my $r = $http->get("$path/env.pl", Authorization => negotiate('junk'));
    $r = $http->get("$path/env.pl");
    return (grep { /^Negotiate/ } $r->challenges) ? 'always' : 'once';
}

# A name for the group 1200 of the user's domain.
my $member;

sub sees_group {
    my ($path) = @_;
    $member ||= mint(
        ccache  => 'FILE:' . stage_dir() . '/kdc/ccache/member',
        keytab  => keytab(),
        service => 'HTTP/localhost@EXAMPLE.TEST',
        client  => 'alice@EXAMPLE.TEST',
        1       => logon_info(groups => [1200])
    );
    my $token = NegTest::Initiator->new(ccache => $member)->authorization;
    my $text  = get($path, Authorization => $token)->env->{NEGOTIATE_GROUPS};
    my ($name) = grep { !/^S-1-/ } split /;/, defined $text ? $text : '';
    return defined $name ? $name : 'none';
}

# The PAC says the client's name, in UTF-16.
sub sees_attribute {
    my ($path) = @_;
    my $text = with_token($path)->env->{TICKET};
    return !defined $text ? 'none' : $text =~ /a%00l%00/ ? 'client-info' : 'another';
}

sub sees_user { my ($path) = @_; return with_token($path)->env->{REMOTE_USER} }

sub sees_delegate {
    my ($path) = @_;
    my ($dir) = (with_token($path, delegate => 1)->env->{KRB5CCNAME} || 'off') =~ m{^(?:FILE:)?(.*?)(?:/[^/]+)?$};
    return $dir;
}

sub sees_perms {
    my ($path) = @_;
    my $r = http(port => $port, $host ? (host => $host) : ())
      ->get("$path/tickets.pl", Authorization => initiator('alice', delegate => 1)->authorization);
    return $r->env->{mode};
}

sub sees_env {
    my ($path) = @_;
    my $env = with_token($path, delegate => 1)->env;
    return join ' ', sort grep { $env->{$_} =~ m{^FILE:\Q$delegated\E/} } keys %$env;
}

# Without a delegated ticket nothing is passed on as the user.
sub sees_proxy_service {
    my ($path) = @_;
    return with_token($path)->status == 403 ? 'needs a ticket' : 'passes on';
}

# Of the service that the KDC refuses.
sub sees_services {
    my ($path) = @_;
    my $r = with_token($path);
    return $r->status == 500 ? 500 : ($r->env->{NEGOTIATE_ERROR_TEXT} || '') =~ /tickets for (\S+) in/ ? $1 : 'Off';
}

sub sees_impersonated {
    my ($path) = @_;
    return join ' ', map { get($path, Authorization => 'Basic ' . encode_base64("$_:dave", ''))->env->{NEGOTIATE_ERROR} || '' }
      'dave', 'dave@OTHER.TEST';
}

# --- configurations ----------------------------------------------------------

my $COMMON = <<'CONF';
PassEnv KRB5_CONFIG
ScriptAliasMatch "env\.pl$" "@stage@/cgi-bin/env.pl"
ScriptAliasMatch "tickets\.pl$" "@stage@/cgi-bin/tickets.pl"
CONF

# A protected location; $lines are of the test's own.
sub location {
    my ($path, @lines) = @_;
    return join "\n", "<Location $path>", 'AuthType Negotiate', 'AuthName test', 'Require valid-user',
      (grep { defined } @lines), "</Location>\n";
}

sub nested { my ($path, @lines) = @_; return join "\n", "<Location $path>", (grep { defined } @lines), "</Location>\n" }

my @names = sort keys %DIRECTIVES;
my %path_of = map { $_ => '/' . lc s/^AuthNegotiate//r } @names;
my %checks;    # [name, path, host, directive, expected]

sub may_stand { my ($name, $where) = @_; return scalar grep { $_ eq $where } @{ $DIRECTIVES{$name}{contexts} } }

sub expect { my ($where, @check) = @_; push @{ $checks{$where} }, \@check; return }

# Locations: defaults, each value, and all ways to nest two values.
sub location_conf {
    my $conf = $COMMON;
    for my $name (grep { may_stand($_, 'location') } @names) {
        my $d    = $DIRECTIVES{$name};
        my $path = $path_of{$name};
        my @values = @{ $d->{values} };
        my ($a, $sees_a, $b, $sees_b) = @values;
        $conf .= location("$path/default", $d->{with});
        expect(locations => "$name: default", "$path/default", $name, $d->{default});
        for (my $i = 0; $i < @values; $i += 2) {
            $conf .= location("$path/value$i", $d->{with}, "$name $values[$i]");
            expect(locations => "$name $values[$i]", "$path/value$i", $name, $values[ $i + 1 ]);
        }
        $conf .= location("$path/a", $d->{with}, "$name $a") . nested("$path/a/unset", 'AuthNegotiateUser principal' x ($name ne 'AuthNegotiateUser'))
          . nested("$path/a/b", "$name $b") . nested("$path/a/b/a", "$name $a") . nested("$path/a/b/deeper/unset");
        $conf .= location("$path/b", $d->{with}, "$name $b") . nested("$path/b/a", "$name $a");
        $conf .= location("$path/unset", $d->{with}) . nested("$path/unset/a", "$name $a");
        expect(locations => "$name: $_->[0]", "$path/$_->[1]", $name, $_->[2])
          for [ 'an inner location inherits', 'a/unset', $sees_a ], [ 'an inner location overrides', 'a/b', $sees_b ],
          [ '... again', 'a/b/a', $sees_a ], [ '... and further in it is inherited', 'a/b/deeper/unset', $sees_b ],
          [ 'the other way round', 'b/a', $sees_a ], [ 'unset outside', 'unset/a', $sees_a ],
          [ '... where it stays unset', 'unset', $d->{default} ];
    }
    return $conf;
}

# A directive for the whole server, virtual hosts over it, locations over those.
sub server_conf {
    my $conf = "$COMMON\n";
    for my $name (@names) {
        my $d    = $DIRECTIVES{$name};
        my ($a, $sees_a, $b, $sees_b) = @{ $d->{values} };
        next if !may_stand($name, 'server');
        if (!may_stand($name, 'location')) {
            $conf .= whole_servers($name);
            next;
        }
        my $label = lc $name;
        for my $host (['unset'], [ 'b', "$name $b" ]) {
            $conf .= join "\n", '<VirtualHost *:*>', "ServerName $label-$host->[0].test", grep({ defined } $host->[1]),
              # what the other directives' settings for the whole server would hide
              $name eq 'AuthNegotiateKeytab'   ? () : 'AuthNegotiateKeytab ' . keytab(),
              $name eq 'AuthNegotiateDelegate' ? 'AuthNegotiateDelegateEnv KRB5CCNAME' : (),
              $name eq 'AuthNegotiateS4U2Proxy' ? () : 'AuthNegotiateS4U2Proxy Off',
              $COMMON, location('/plain', $d->{with}), location('/a', $d->{with}, "$name $a"),
              location('/b', $d->{with}, "$name $b"), nested('/a/unset'), "</VirtualHost>\n";
            expect(servers => "$name: " . ($host->[1] ? 'a virtual host that overrides' : 'a virtual host that inherits') . ", $_->[0]",
                "$label-$host->[0].test", $_->[0], $name, $_->[1])
              for [ '/plain', $host->[1] ? $sees_b : $sees_a ], [ '/a', $sees_a ], [ '/b', $sees_b ], [ '/a/unset', $sees_a ];
        }
    }
    return $conf;
}

sub whole_servers {
    my ($name) = @_;
    my ($conf, $number) = ('', 0);
    my @values = (undef, $DIRECTIVES{$name}{values}[1], @{ $DIRECTIVES{$name}{values} });
    while (my ($value, $sees) = splice @values, 0, 2) {
        my $host = lc($name) . '-' . $number++ . '.test';
        $conf .= join "\n", '<VirtualHost *:*>', "ServerName $host", 'AuthNegotiateKeytab ' . keytab(),
          'AuthNegotiateS4U2Proxy Off', defined $value ? "$name $value" : (), $COMMON, location('/plain'), "</VirtualHost>\n";
        expect(servers => "$name: a virtual host " . (defined $value ? "with $value" : 'that inherits'),
            $host, '/plain', $name, $sees);
    }
    return $conf;
}

sub main_lines {
    return join '', map { "$_ $DIRECTIVES{$_}{values}[0]\n" }
      grep { may_stand($_, 'server') } @names;
}

# --- the plan ----------------------------------------------------------------

my $location_conf = location_conf();
my $server_conf   = server_conf();
my $wrong    = 0;
$wrong += @{ $_->{wrong} } / 2 for values %DIRECTIVES;
my $htaccess = grep { may_stand($_, 'htaccess') } @names;

plan tests => @{ $checks{locations} } + @{ $checks{servers} } + 2 * $wrong + 3 * @names + 4 * $htaccess
+ 2 * (@names - $htaccess) + 8;

# --- values and merging ------------------------------------------------------

sub is_seen {
    my ($name, $path, $directive, $expected) = @_;
    is eval { $DIRECTIVES{$directive}{see}->($path) }, $expected, $name or diag $@ || "at $path";
    return;
}

{
    my $server = server(conf => $location_conf)->start;
    $port = $server->port;
    is_seen(@$_) for @{ $checks{locations} };
    is_deeply [ $server->log->crashes ], [], 'nobody died';
    $server->stop;
}

{
    my $server = server(conf => main_lines() . $server_conf, env => { KRB5RCACHENAME => 'none:' });
    $server->start;
    $port = $server->port;
    for my $check (@{ $checks{servers} }) {
        my ($name, $virtual, @rest) = @$check;
        $host = $virtual;
        is_seen($name, @rest);
    }
    $host = undef;
    is_deeply [ $server->log->crashes ], [], 'nobody died here either';
    $server->stop;
}

# --- wrong values ------------------------------------------------------------

for my $name (@names) {
    my @wrong = @{ $DIRECTIVES{$name}{wrong} };
    while (my ($value, $advice) = splice @wrong, 0, 2) {
        my @lines  = may_stand($name, 'location') ? ('', "$name $value") : ("$name $value\n");
        my $result = server(conf => $lines[0] . location('/x', $lines[1]))->check;
        ok !$result->{ok}, "$name $value stops the start";
        like $result->{output}, qr/^(?=.*\b$name\b).*$advice/m, '... and is told what to write';
    }
}

# --- contexts ----------------------------------------------------------------

# Where it may stand at start; .htaccess is read later.
for my $name (@names) {
    my $d  = $DIRECTIVES{$name};
    my %in = map { $_ => 1 } @{ $d->{contexts} };
    my $line   = "$name $d->{values}[2]";
    my $result = server(conf => "$line\n")->check;
    ok !$result->{ok} == !$in{server}, "$name " . ($in{server} ? 'may' : 'may not') . ' stand for the whole server'
      or diag $result->{output};
    ok $in{server} || $result->{output} =~ /$name not allowed here/, '... and that is said';
    $result = server(conf => "<Directory /srv>\n$line\n</Directory>\n<Location /x>\n<If \"true\">\n$line\n</If>\n</Location>\n")->check;
    ok !$result->{ok} == !$in{location}, '... ' . ($in{location} ? 'may' : 'may not') . ' stand in Directory, Location and If' or diag $result->{output};
}

{
    my $dir    = stage_dir() . '/htdocs/ht';
    my $page   = sub { my ($name) = @_; return '/ht' . $path_of{$name} };
    my $text   = $COMMON . qq{<Directory "$dir">\n    AllowOverride AuthConfig\n</Directory>\n};
    for my $name (@names) {
        my $d = $DIRECTIVES{$name};
        mkdir $dir . $path_of{$name};
        mkdir "$dir$path_of{$name}/inner";
        chmod 0755, $dir . $path_of{$name}, "$dir$path_of{$name}/inner";
        for my $script (qw(env.pl tickets.pl)) {
            NegTest::Stage::copy_in({ dir => stage_dir() }, stage_dir() . "/cgi-bin/$script", "htdocs/ht$path_of{$name}/$_$script")
              for '', 'inner/';
        }
        $text .= qq{<Directory "$dir$path_of{$name}">\nOptions +ExecCGI\nAddHandler cgi-script .pl\nAuthType Negotiate\n}
          . "AuthName test\nRequire valid-user\n" . ($d->{with} && $name ne 'AuthNegotiateProxyService' ? "$d->{with}\n" : '') . (may_stand($name, 'location') ? "$name $d->{values}[0]\n" : '') . "</Directory>\n";
    }
    $text =~ s/^ScriptAliasMatch.*\n//mg;
    my $server = server(conf => $text)->start;
    $port = $server->port;
    my $write = sub {
        my ($where, $line) = @_;
        open my $out, '>', "$dir$where/.htaccess" or die $!;
        print $out "$line\n";
        close $out;
        chmod 0644, "$dir$where/.htaccess";
    };
    for my $name (@names) {
        my $d = $DIRECTIVES{$name};
        my ($a, $sees_a, $b, $sees_b) = @{ $d->{values} };
        $write->($path_of{$name}, "$name $b");
        $server->log->mark;
        if (may_stand($name, 'htaccess')) {
            is_seen("$name in .htaccess overrides the configuration", $page->($name), $name, $sees_b);
            is_seen('... and is inherited further in', $page->($name) . '/inner', $name, $sees_b);
            $write->("$path_of{$name}/inner", "$name $a");
            is_seen('... where another can override it', $page->($name) . '/inner', $name, $sees_a);
            $write->($path_of{$name}, "$name $d->{wrong}[0]");
            is get($page->($name))->status, 500, '... and a wrong value is an error of the page';
        }
        else {
            is get($page->($name))->status, 500, "$name is refused in .htaccess";
            my @said = $server->log->wait_for(qr/$name not allowed here/);
            ok scalar(@said), '... and that is said';
        }
    }
    $write->($path_of{AuthNegotiateUser}, 'AuthNegotiateUser "%{GSS_NAME}"');
    is get($page->('AuthNegotiateUser'))->status, 500, 'an expression for the name is refused in .htaccess';
    $server->stop;
}

# --- the guard ---------------------------------------------------------------

{
    my %known;
    for my $file (glob source_dir() . '/src/*/*.c') {
        open my $in, '<', $file or die "$file: $!";
        local $/;
        $known{$_} = 1 for <$in> =~ /\bAP_INIT_\w+\(\s*"(\w+)"/g;
    }
    ok delete $known{$_}, "$_ is looked at" for qw(AuthType AuthBasicProvider Require SetHandler);
    is_deeply [ sort grep { !/Session/ } keys %known ], \@names, 'every directive is in the table of this test, or in t/session.t';
}

# Who may enter, and under which name: httpd's own authorization with our
# identities, AuthNegotiateUser, .htaccess.

use strict;
use warnings;
use utf8;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'apxs';
use NegTest::TLS;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

# --- people ------------------------------------------------------------------

# A person of OTHER.TEST whose name reads like one of ours.
my $LOOKALIKE = 'carol\\@OTHER.TEST';
my $FOREIGN = 'alice\\@EXAMPLE.TEST@OTHER.TEST';

my %ccache;
sub person {
    my ($name) = @_;
    utf8::encode(my $bytes = $name);
    return $ccache{$name} ||= do {
        kdc()->add_principal($bytes, password => 'secret');
        kdc()->kinit($bytes, password => 'secret');
    };
}
$ccache{$_} = ccache($_) for qw(alice bob carol@OTHER.TEST);

# --- the server --------------------------------------------------------------

# Rules are those of the default realm, for principals of all realms.
my $krb5_conf = kdc()->write_krb5_conf(kdc()->dir . '/authz-krb5.conf');
{
    local @ARGV = $krb5_conf;
    local $^I   = '';
    while (<>) {
        print;
        print <<'RULES' if /^    EXAMPLE\.TEST = \{/;
        auth_to_local = RULE:[1:$1@$0](^carol@OTHER\.TEST$)s/.*/karola/
        auth_to_local = DEFAULT
RULES
    }
}

my $server = server(env => { KRB5_CONFIG => $krb5_conf }, conf => <<'CONF');
    ScriptAliasMatch "^/[^/]+(?:/[^/]+)?/env\.pl" "@stage@/cgi-bin/env.pl"
    AuthNegotiateKeytab "@keytab@"
    SetEnvIf X-Way (.+) WAY=$1
    <Location "/">
        AuthType Negotiate
        AuthName "one"
    </Location>

    <Location "/valid">
        Require valid-user
    </Location>
    <Location "/alice">
        Require user alice@EXAMPLE.TEST
    </Location>
    <Location "/not-bob">
        <RequireAll>
            Require valid-user
            Require not user bob@EXAMPLE.TEST
        </RequireAll>
    </Location>
    <Location "/expr-user">
        Require expr %{REMOTE_USER} =~ /^a.*@EXAMPLE\.TEST$/
    </Location>
    <Location "/expr-gss-name">
        <RequireAll>
            Require valid-user
            Require expr %{REMOTE_USER} != '' && reqenv('GSS_NAME') == 'alice@EXAMPLE.TEST'
        </RequireAll>
    </Location>
    <Location "/expr-ours">
        Require expr %{REMOTE_USER} != '' && %{env:NEGOTIATE_REALM} == 'EXAMPLE.TEST' && %{env:NEGOTIATE_MECH} == 'krb5' && %{env:NEGOTIATE_SOURCE} == 'header' && %{env:GSS_SESSION_EXPIRATION} -gt 1000
    </Location>
    <Location "/any-user">
        <RequireAny>
            Require user alice@EXAMPLE.TEST
            Require ip 192.0.2.1
        </RequireAny>
    </Location>
    <Location "/any-ip">
        <RequireAny>
            Require valid-user
            Require ip 127.0.0.1
        </RequireAny>
    </Location>
    <Location "/all-ip">
        <RequireAll>
            Require valid-user
            Require ip 192.0.2.1
        </RequireAll>
    </Location>
    <Location "/any-env">
        <RequireAny>
            Require env WAY
            Require user alice@EXAMPLE.TEST
        </RequireAny>
    </Location>
    <Location "/none">
        <RequireAll>
            Require valid-user
            <RequireNone>
                Require user bob@EXAMPLE.TEST
                Require env WAY
            </RequireNone>
        </RequireAll>
    </Location>
    <Location "/denied">
        Require all denied
    </Location>
    <Location "/satisfy-any">
        Order deny,allow
        Deny from all
        Satisfy Any
        Require user alice@EXAMPLE.TEST
    </Location>
    <Location "/satisfy-any-here">
        Order deny,allow
        Deny from all
        Allow from 127.0.0.1
        Satisfy Any
        Require user alice@EXAMPLE.TEST
    </Location>
    <Location "/satisfy-all">
        Order deny,allow
        Deny from all
        Satisfy All
        Require valid-user
    </Location>
    <Location "/forbid">
        Require user alice@EXAMPLE.TEST
        AuthzSendForbiddenOnFailure On
    </Location>
    <Location "/merge">
        Require user alice@EXAMPLE.TEST
    </Location>
    <Location "/merge/off">
        Require user bob@EXAMPLE.TEST
    </Location>
    <Location "/merge/and">
        AuthMerging And
        Require user bob@EXAMPLE.TEST
    </Location>

    <LocationMatch "^/(?:as|user)-">
        Require valid-user
    </LocationMatch>
    <Location "/as-principal">
        AuthNegotiateUser principal
    </Location>
    <Location "/as-local">
        AuthNegotiateUser local
    </Location>
    <Location "/as-strip">
        AuthNegotiateUser strip
    </Location>
    <Location "/as-strip-other">
        AuthNegotiateUser strip OTHER.TEST
    </Location>
    <Location "/as-strip-both">
        AuthNegotiateUser strip OTHER.TEST EXAMPLE.TEST
    </Location>
    <Location "/as-strip-almost">
        AuthNegotiateUser strip TEST EXAMPLE EXAMPLE.TES EXAMPLE.TEST.TEST XEXAMPLE.TEST example.test .
    </Location>
    <Location "/as-expr">
        AuthNegotiateUser "%{env:NEGOTIATE_REALM}:%{env:GSS_NAME}"
    </Location>
    <Location "/as-nobody">
        AuthNegotiateUser "%{env:NOT_SET_ANYWHERE}"
    </Location>
    <Location "/user-local-alice">
        AuthNegotiateUser local
        Require user alice
    </Location>
    <Location "/user-odd">
        Require user "with space@EXAMPLE.TEST"
    </Location>

    <Directory "@dir@/site">
        AllowOverride AuthConfig
        Options +Includes
    </Directory>
    <LocationMatch "^/htaccess-[a-z-]+/">
        AuthName "one"
    </LocationMatch>
    AliasMatch "^/(htaccess-[a-z-]+/.*)" "@dir@/site/$1"
CONF

my %htaccess = (
    'htaccess-plain'  => 'AuthNegotiateUser principal',
    'htaccess-user'   => 'AuthNegotiateUser strip EXAMPLE.TEST',
    'htaccess-expr'   => 'AuthNegotiateUser "x-%{env:GSS_NAME}"',
    'htaccess-rest'   => "AuthNegotiateMechs krb5\nAuthNegotiateOffer once\nAuthNegotiatePersist On",
    'htaccess-tls'    => 'AuthNegotiateRequireTLS On',
    'htaccess-wrong'  => 'AuthNegotiateUser anything',
    'htaccess-expr-file' => 'AuthNegotiateUser "%{file:/etc/hostname}"',
    map { ('htaccess-no-' . lc $_->[0] => "AuthNegotiate$_->[0] $_->[1]") }
      [ Keytab => '"' . keytab() . '"' ], [ Acceptor => 'any' ], [ Delegate => 'off' ],
      [ DelegatePerms => 'mode:0600' ], [ DelegateEnv => 'X' ],
);
for my $name (sort keys %htaccess) {
    my $dir = $server->dir . "/site/$name";
    NegTest::Process::run_ok([ 'mkdir', '-p', $dir ]);
    put("$dir/.htaccess", "$htaccess{$name}\nRequire valid-user\n");
    put("$dir/page.shtml", '<!--#printenv -->', 0755);
}
sub put {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out;
    return;
}
$server->start;

my $log = $server->log;
sub connection { return http(port => $server->port, @_) }

# A request by a new token of that person, or by nobody's.
sub fetch {
    my ($path, $who, @headers) = @_;
    return connection()->get($path, @headers) if !defined $who;
    my $gss = initiator('alice', ccache => person($who));
    my $r   = connection()->get($path, Authorization => $gss->authorization, @headers);
    $r->{mutual} = $gss->finish($r) && $gss->mutual;
    return $r;
}

sub user_of {
    my ($r) = @_;
    return $r->status if $r->status != 200;
    my $user = $r->env->{REMOTE_USER};
    return '(none)' if !defined $user;
    utf8::decode($user);
    return $user;
}
sub user { return user_of(fetch(@_)) }

# --- Require -----------------------------------------------------------------

my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);

#                     nobody    alice     bob
my %matrix = (
    'valid'           => [ 401,      $ALICE,   $BOB ],
    'alice'           => [ 401,      $ALICE,   403 ],
    'not-bob'         => [ 401,      $ALICE,   403 ],
    'expr-user'       => [ 401,      $ALICE,   403 ],
    'expr-gss-name'   => [ 401,      $ALICE,   403 ],
    'expr-ours'       => [ 401,      $ALICE,   $BOB ],
    'any-user'        => [ 401,      $ALICE,   403 ],
    'any-ip'          => [ '(none)', '(none)', '(none)' ],
    'all-ip'          => [ 403,      403,      403 ],
    'any-env'         => [ 401,      $ALICE,   403 ],
    'none'            => [ 401,      $ALICE,   403 ],
    'denied'          => [ 403,      403,      403 ],
    'satisfy-any'     => [ 401,      $ALICE,   403 ],
    'satisfy-any-here' => [ '(none)', '(none)', '(none)' ],
    'satisfy-all'     => [ 403,      403,      403 ],
    'forbid'          => [ 401,      $ALICE,   403 ],
    'merge'           => [ 401,      $ALICE,   403 ],
    'merge/off'       => [ 401,      403,      $BOB ],
    'merge/and'       => [ 401,      403,      403 ],
);
for my $name (sort keys %matrix) {
    my @who = (undef, 'alice', 'bob');
    for my $i (0 .. 2) {
        my $r    = fetch("/$name/env.pl", $who[$i]);
        my $what = "/$name for " . ($who[$i] || 'nobody');
        is user_of($r), $matrix{$name}[$i], $what;
        is_deeply [ $r->challenges ], ['Negotiate'], '... a bare challenge' if $r->status == 401;
        ok $r->{mutual}, '... with the final token' if $r->status == 200 && user_of($r) ne '(none)';
    }
}
is user('/any-env/env.pl', undef, 'X-Way' => 'yes'), '(none)', 'Require env: nobody needs to be asked';
is user('/none/env.pl', 'alice', 'X-Way' => 'yes'), 403, 'RequireNone with env: not even alice';

{
    $log->mark;
    my $r = fetch('/alice/env.pl', 'bob');
    is $r->status, 403, 'not allowed is 403';
    is scalar(my @challenges = $r->challenges), 1, '... with one header';
    ok $r->{mutual}, '... which is the final token, and right';
    ok scalar $log->wait_for(qr/user bob\@EXAMPLE\.TEST: authorization failure/), '... and the log says who';
}

# --- 401s of other modules ---------------------------------------------------

SKIP: {
    my $mod_perl = apxs('LIBEXECDIR') . '/mod_perl.so';
    skip 'mod_perl is not installed', 5 if !-e $mod_perl;
    my $other = server(conf => <<"CONF");
        LoadModule perl_module "$mod_perl"
        PerlModule Apache2::Access
        PerlModule Apache2::RequestRec
        <LocationMatch "^/(?:asks|tls|mine)">
            AuthType Negotiate
            AuthName "one"
            AuthNegotiateKeytab "\@keytab\@"
            Require valid-user
            PerlAccessHandler "sub { my \$r = shift; \$r->note_auth_failure; 401 }"
        </LocationMatch>
        <Location "/tls">
            AuthNegotiateRequireTLS On
        </Location>
        <Location "/mine">
            AuthType Basic
            AuthBasicProvider file
            AuthUserFile "/nonexistent"
        </Location>
CONF
    $other->start;
    my $ask = sub { http(port => $other->port)->get(@_) };
    my $r = $ask->('/asks');
    is $r->status, 401, "another module's 401";
    is_deeply [ $r->challenges ], ['Negotiate'], '... carries our challenge';
    $r = $ask->('/asks', Authorization => initiator('alice')->authorization);
    is_deeply [ $r->status, $r->challenges ], [ 401, 'Negotiate' ], '... a token does not change its mind';
    is_deeply [ $ask->('/tls')->challenges ], [], '... but not where TLS is asked for and missing';
    is_deeply [ $ask->('/mine')->challenges ], ['Basic realm="one"'], '... nor where we are not';
}

# --- AuthNegotiateUser -------------------------------------------------------

my $CAROL = 'carol@OTHER.TEST';
my $ADMIN = 'alice/admin@EXAMPLE.TEST';

#                     alice    carol    $ADMIN           $FOREIGN
my %name = (
    'as-principal'    => [ $ALICE,  $CAROL,  $ADMIN,          $FOREIGN ],
    'as-strip'        => [ 'alice', $CAROL,  'alice/admin',   $FOREIGN ],
    'as-strip-other'  => [ $ALICE,  'carol', $ADMIN,          'alice\\@EXAMPLE.TEST' ],
    'as-strip-both'   => [ 'alice', 'carol', 'alice/admin',   'alice\\@EXAMPLE.TEST' ],
    'as-strip-almost' => [ $ALICE,  $CAROL,  $ADMIN,          $FOREIGN ],
    'as-local'        => [ 'alice', 'karola', 403,            403 ],
    'as-expr'         => [ "EXAMPLE.TEST:$ALICE", "OTHER.TEST:$CAROL", "EXAMPLE.TEST:$ADMIN", "OTHER.TEST:$FOREIGN" ],
    'as-nobody'       => [ 403, 403, 403, 403 ],
    'alice'           => [ $ALICE, 403, 403, 403 ],
    'user-local-alice' => [ 'alice', 403, 403, 403 ],
);
for my $name (sort keys %name) {
    my @who = ('alice', $CAROL, 'alice/admin', $FOREIGN);
    for my $i (0 .. $#who) {
        is user("/$name/env.pl", $who[$i]), $name{$name}[$i], "/$name: $who[$i]";
    }
}
for my $path ('/as-local/env.pl', '/as-nobody/env.pl') {
    $log->mark;
    my $r = fetch($path, 'alice/admin');
    is $r->status, 403, "$path: no name, no entry";
    ok $r->{mutual}, '... with the final token';
    ok scalar $log->wait_for(qr/Negotiate refused \(name\): alice\/admin\@EXAMPLE\.TEST has no user name here/),
      '... and the log says why';
}

# --- odd names ---------------------------------------------------------------

# krb5's own rule would make a name of another realm out of this one of ours.
is user('/valid/env.pl', $LOOKALIKE), "$LOOKALIKE\@EXAMPLE.TEST", 'a name that looks like carol of another realm';
is user('/as-local/env.pl', $LOOKALIKE), 403, '... does not become her';
is user('/as-strip/env.pl', $LOOKALIKE), $LOOKALIKE, '... nor without its realm';

for my $odd ('with space', 'per%cent', 'käthe', 'quo"te', "a'b;c\$(d)", 'x' x 200) {
    my $shown = length $odd < 40 ? $odd : 'a long name';
    is user('/valid/env.pl', $odd), "$odd\@EXAMPLE.TEST", "$shown is $shown";
    is user('/as-strip/env.pl', $odd), $odd, '... stripped, too';
}
is user('/user-odd/env.pl', 'with space'), 'with space@EXAMPLE.TEST', 'Require user with a space';
is user('/user-odd/env.pl', 'with'), 403, '... is one name, not two';

is user('/valid/env.pl', 'alice '), 'alice @EXAMPLE.TEST', 'a name that ends in a space';
is user('/as-strip/env.pl', 'alice '), 403, '... is nobody without its realm';

# krb5 would make the local name alice of the first. A KDC gives such names no
# ticket for tickets, but one for the service at once.
for my $odd ('alice\\0x', 'new\\nline', "carriage\rreturn") {
    (my $shown = $odd) =~ s/\r/<CR>/;
    kdc()->add_principal($odd, password => 'secret');
    $ccache{$odd} = kdc()->kinit($odd, password => 'secret', service => 'HTTP/localhost');
    for my $path ('/as-local', '/user-local-alice', '/as-strip', '/valid') {
        $log->mark;
        is user("$path/env.pl", $odd), 403, "$path: $shown is nobody";
        ok scalar $log->wait_for(qr/Negotiate refused \(name\): .*control character/), '... and the log says why';
    }
}

# Anonymous tickets need PKINIT, and that a KDC with a certificate.
SKIP: {
    my $dir = $server->dir . '/anonymous';
    mkdir $dir;
    my $tls = NegTest::TLS->make_authority($dir);
    my ($certificate, $key) = $tls->make_certificate('kdc', key => 'rsa');
    my %anchors = (pkinit_anchors => 'FILE:' . $tls->ca_file);
    my $kdc = NegTest::KDC->start(
        dir         => "$dir/kdc",
        kdcdefaults => { pkinit_identity => "FILE:$certificate,$key", %anchors },
        libdefaults => { pkinit_eku_checking => 'none', pkinit_kdc_hostname => 'localhost', %anchors },
    );
    $kdc->add_principal($_) for qw(WELLKNOWN/ANONYMOUS HTTP/localhost);
    my $ccache = eval { $kdc->kinit('@EXAMPLE.TEST', anonymous => 1) };
    skip 'no anonymous tickets without the pkinit plugin (krb5-pkinit): ' . ($@ =~ s/\s+/ /gr), 3 if !$ccache;

    my $keytab = $kdc->add_to_keytab("$dir/http.keytab", 'HTTP/localhost');
    my $other  = server(env => { KRB5_CONFIG => $kdc->krb5_conf }, conf => <<"CONF");
        <Location "/">
            AuthType Negotiate
            AuthName "one"
            AuthNegotiateKeytab "$keytab"
            Require valid-user
        </Location>
CONF
    NegTest::Process::run_ok([ 'chown', '--reference', keytab(), $keytab ]);
    $other->start;
    my $gss = initiator('alice', ccache => $ccache, krb5_conf => $kdc->krb5_conf);
    my $r = http(port => $other->port)->get('/plain.txt', Authorization => $gss->authorization);
    is $r->status, 403, 'an anonymous ticket: 403';
    ok $gss->finish($r) && $gss->mutual, '... with the final token';
    ok scalar $other->log->wait_for(qr/Negotiate refused \(anonymous\)/), '... and the log says why';
}

# --- .htaccess ---------------------------------------------------------------

my %expect = (
    'htaccess-plain' => $ALICE,
    'htaccess-user'  => 'alice',
    'htaccess-rest'  => $ALICE,
    'htaccess-tls'   => 403,
);
for my $name (sort keys %htaccess) {
    $log->mark;
    my $expect = exists $expect{$name} ? $expect{$name} : 500;
    is user("/$name/page.shtml", 'alice'), $expect, "$name: $htaccess{$name}" =~ s/\n/; /gr;
    ok scalar $log->wait_for(qr{\.htaccess: .*AuthNegotiate\w+}), '... and the log says why' if $expect eq '500';
}

done_testing;

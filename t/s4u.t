# Constrained delegation: the application acts for its users towards the services
# that are named, with tickets for these alone - a real Active Directory's.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::AD;
use NegTest::Ccache 'edit_ccache';
use NegTest::Httpd 'mpm';
use NegTest::Keytab qw(read_keytab write_keytab AES256);
use NegTest::Ports 'free_port';
use NegTest::Stage;
use Time::HiRes 'sleep';

plan skip_all => 'nothing here depends on the MPM; it was tested with event'
  if mpm() eq 'prefork';
my $missing = NegTest::AD->missing;
plan skip_all => $missing if $missing;

use constant { SENSITIVE => 0x110200, BACK => 'HTTP/back.ad.example.test' };

my $dir = stage_dir() . '/s4u';
for ('', qw(/ccaches /pages)) {
    mkdir $dir . $_;
    NegTest::Stage->give_to_httpd($dir . $_, 0700);
}
chmod 0711, $dir;

# --- the directory -----------------------------------------------------------

my $ad = NegTest::AD->start(dir => stage_dir() . '/ad');
$ad->add_user('svc-back',  spn => [ BACK, 'HTTP/other.ad.example.test' ]);
$ad->add_user('svc-upn',   spn => ['HTTP/upn.ad.example.test'], upn => 'HTTP/upn.ad.example.test@AD.EXAMPLE.TEST',
    attributes => { 'msDS-AllowedToDelegateTo' => [BACK] });
$ad->add_user('svc-plain', spn => ['HTTP/plain.ad.example.test']);
$ad->add_user('sally', attributes => { userAccountControl => SENSITIVE });
$ad->modify('svc-web', userAccountControl => 0x1010200, 'msDS-AllowedToDelegateTo' => BACK);

$ad->give_keytab(keytab('s4u'));
$ad->samba_tool('domain', 'exportkeytab', "$dir/all.keytab");
my %key_of = map { ($_->{principal} =~ s/\@.*//r => $_) } grep { $_->{enctype} == AES256 } read_keytab("$dir/all.keytab");
keytab_of(back  => 'svc-back',  BACK);
keytab_of(both  => 'svc-web',   'HTTP/localhost', 'svc-web');
keytab_of(upn   => 'svc-upn',   'HTTP/upn.ad.example.test');
keytab_of(plain => 'svc-plain', 'HTTP/plain.ad.example.test');

# One key, by several names.
sub keytab_of {
    my ($name, $account, @principals) = @_;
    return write_keytab(keytab("s4u-$name"), map { { %{ $key_of{$account} }, principal => "$_\@AD.EXAMPLE.TEST" } } @principals);
}

# --- the server --------------------------------------------------------------

my $tls_port = free_port();
my $to_back = 'HTTP@back.ad.example.test';
my $on      = "AuthNegotiateS4U2Proxy On account:svc-web $to_back";
my $basic   = "AuthType Basic\nAuthUserFile $dir/users\nAuthNegotiateImpersonate On";
my %keytab  = map { $_ => "AuthNegotiateKeytab \@stage\@/keytab/s4u-$_.keytab" } qw(back both upn plain);
my %lines = (
    app       => $on,
    app_name  => "$on\nAuthNegotiateDelegateEnv TICKETS",
    both      => "$keytab{both}\nAuthNegotiateS4U2Proxy On $to_back",
    upn       => "$keytab{upn}\nAuthNegotiateS4U2Proxy On $to_back",
    principal => 'AuthNegotiateS4U2Proxy On account:svc-web HTTP/back.ad.example.test@AD.EXAMPLE.TEST',
    own_name  => "AuthNegotiateS4U2Proxy On $to_back",
    own_key   => "AuthNegotiateS4U2Proxy On account:svc-back $to_back",
    other     => 'AuthNegotiateS4U2Proxy On account:svc-web HTTP@other.ad.example.test',
    several   => "$on HTTP\@other.ad.example.test",
    nowhere   => 'AuthNegotiateS4U2Proxy On account:svc-web HTTP@nowhere.ad.example.test',
    plain     => "$keytab{plain}\nAuthNegotiateS4U2Proxy On account:svc-plain $to_back",
    optional  => "$keytab{plain}\nAuthNegotiateS4U2Proxy On optional account:svc-plain $to_back",
    persist   => "$on\nAuthNegotiatePersist On",
    'persist/forwarded' => 'AuthNegotiateS4U2Proxy Off',
    session   => "$on\nAuthNegotiateSession On",
    password  => "$on\nAuthNegotiateBasicProvider kerberos\nAuthNegotiateRequireTLS Off",
    file      => "$on\nAuthNegotiateBasicProvider file\nAuthNegotiateRequireTLS Off\nAuthUserFile $dir/users",
    file_on   => "$on\nAuthNegotiateBasicProvider file\nAuthNegotiateRequireTLS Off\nAuthUserFile $dir/users\nAuthNegotiateImpersonate On",
    basic           => "$basic\n$on",
    behind          => "AuthNegotiateDelegate off\n$on\nAuthNegotiateProxyService $to_back",
    basic_behind    => "$basic\nAuthNegotiateDelegate off\n$on\nAuthNegotiateProxyService $to_back",
    basic_realm     => "$basic OTHER.TEST\n$on",
    basic_upn       => "$basic\n$keytab{upn}\nAuthNegotiateS4U2Proxy On $to_back",
    basic_optional  => "$basic\nAuthNegotiateS4U2Proxy On optional account:svc-web $to_back",
    pages           => "$basic\n$on",
    basic_open      => "$basic\n$on",
    basic_theirs    => "$basic\n$on",
    basic_acceptor  => "$basic\n$on\nAuthNegotiateAcceptor \"%{env:NOTHING}\"",
    'pages/off'     => 'AuthNegotiateImpersonate Off',
    'pages/open'    => 'AuthType None',
);
my $locations = '';
for my $path (sort keys %lines) {
    $locations .= join "\n", "<Location /$path>", $lines{$path} =~ /AuthType/ ? () : $path =~ m{/} ? () : 'AuthType Negotiate',
      "AuthName s4u", $lines{$path}, $path =~ /open/ ? 'Require all granted' : 'Require valid-user', "</Location>\n";
}
mkdir "$dir/theirs";
put("$dir/theirs/page.txt", 'a page');
put("$dir/pages/parts.shtml", map { qq{$_:<!--#include virtual="/pages/$_/env.pl" -->\n} } qw(here off open here));
{
    chomp(my $hash = run([ qw(openssl passwd -apr1 x) ])->{output});
    put("$dir/users", map { "$_:$hash\n" } 'alice', 'ALICE', 'bob', 'sally', 'nobody-there', 'alice@AD.EXAMPLE.TEST', 'alice@OTHER.TEST', 'alice/admin',
        'AD\\alice', 'alice@', ' alice', 'alice ');
}

sub put {
    my ($file, @text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out @text;
    close $out;
    chmod 0644, $file;
    return;
}

# Whether the server reaches the KDC; krb5 looks at the file again after a second.
sub let_reach_kdc {
    my ($yes) = @_;
    $ad->write_krb5_conf("$dir/krb5.conf");
    return if $yes;
    open my $file, '+<', "$dir/krb5.conf" or die $!;
    my $text = do { local $/; <$file> };
    seek $file, 0, 0;
    print $file $text =~ s/^( +kdc = ).*/${1}127.0.0.1:1/mr;
    truncate $file, tell $file;
    return;
}
let_reach_kdc(1);

# The server's, in seconds from ours: t/preload.c.
sub set_clock {
    my ($seconds) = @_;
    open my $out, -e "$dir/clock" ? '+<' : '>', "$dir/clock" or die $!;
    syswrite $out, pack 'q x32', $seconds;
    return;
}
set_clock(0);

my $preload = join ':', grep { $_ } $ENV{NEG_SANITIZE_PRELOAD}, $ENV{NEG_FAULTS};
my $server = server(env => { KRB5_CONFIG => "$dir/krb5.conf", LD_PRELOAD => $preload, NEG_CONTROL => "$dir/clock" }, conf => <<"CONF");
PassEnv KRB5_CONFIG
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ScriptAliasMatch "hop\\.pl\$" "\@stage\@/cgi-bin/hop.pl"
Alias /pages $dir/pages
Alias /basic_theirs $dir/theirs
ErrorDocument 403 /public/env.pl
ErrorDocument 500 /public/env.pl
ErrorDocument 503 /public/env.pl
AuthNegotiateKeytab "\@stage\@/keytab/s4u.keytab"
AuthNegotiateDelegate FILE:$dir/ccaches
AuthNegotiateSessionStore shmcb
LogLevel auth_negotiate:debug
<Location "/backend">
    AuthType Negotiate
    AuthName backend
    $keytab{back}
    Require valid-user
</Location>
Listen 127.0.0.1:$tls_port
<VirtualHost 127.0.0.1:$tls_port>
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
    SSLUserName SSL_SERVER_S_DN_CN
</VirtualHost>
ProxyPass /behind http://127.0.0.1:\@port\@/backend
ProxyPass /basic_behind http://127.0.0.1:\@port\@/backend
<Directory "$dir/pages">
    Options +Includes
</Directory>
<Directory "$dir/theirs">
    AllowOverride AuthConfig
</Directory>
$locations
CONF
my ($left, $living) = map { $server->dir . "/negotiate-tickets.$_" } "$$.left", 'living';
for ($left, $living) { mkdir $_; put("$_/ticket", 'x') }
sysopen my $lock, $living, 0 or die "$living: $!";
flock $lock, 2 or die "$living: $!";
put("$dir/other", 'x');
symlink $dir, "${left}9";
$server->start;
ok !-e $left, 'what a killed httpd has left is removed';
ok -e "$living/ticket", '... not what another one uses';
ok -e "$dir/other", '... nor where a link leads';
close $lock;
unlink "$living/ticket", "${left}9";
rmdir $living;

# --- helpers -----------------------------------------------------------------

my $hop = 'hop.pl?backend=' . $server->port;

sub connection { return http(port => $server->port) }

# What the application sees; each user's service ticket is the same each time.
my %ccache_of;
sub initiator_of {
    my ($user, %opt) = @_;
    return $ad->initiator($user, %opt) if $opt{kinit};
    $ccache_of{$user} ||= $ad->kinit($user, forwardable => 1);
    return NegTest::Initiator->new(ccache => $ccache_of{$user}, krb5_conf => $ad->krb5_conf, %opt);
}
sub seen { my ($r) = @_; return { status => $r->status, %{ $r->env } } }

sub get {
    my ($user, $path, %opt) = @_;
    return seen(connection()->get($path, Authorization => initiator_of($user, %opt)->authorization));
}

sub basic {
    my ($user, $path, $password) = @_;
    $password = 'x' if !defined $password;
    return seen(connection()->get($path, Authorization => 'Basic ' . encode_base64("$user:$password", '')));
}

sub acts_as {
    my ($name, $t, $user) = @_;
    my $principal = "$user\@AD.EXAMPLE.TEST";
    is_deeply [ @$t{qw(status principal)}, $t->{backend} || $principal ], [ 200, $principal, $principal ], $name
      or diag join ' ', map { "$_=" . ($t->{$_} // '') } qw(status NEGOTIATE_ERROR_TEXT);
    is $t->{tickets}, BACK . '@AD.EXAMPLE.TEST', '... with a ticket for that service, and no other of whomever';
    return;
}

sub refused {
    my ($name, $t, $status, $cause, $why) = @_;
    is_deeply [ @$t{qw(status NEGOTIATE_ERROR)} ], [ $status, $cause ], $name;
    like $t->{NEGOTIATE_ERROR_TEXT}, $why, '... and says why';
    is $t->{KRB5CCNAME}, undef, '... and leaves no tickets';
    return;
}

sub files   { return glob "$dir/ccaches/*" }
sub empties { return wait_until(sub { !files() }, 5) }
sub own     { my @all = glob $server->dir . '/negotiate-tickets.*/*'; return grep { /[0-9a-f]{32}\z/ } @all }

# --- S4U2Proxy ---------------------------------------------------------------

for my $user (qw(alice bob)) {
    acts_as("the application acts as $user", get($user, "/app/$hop"), $user);
}
ok empties(), 'no ccache is left after the requests';
acts_as('a client that forwards its own ticket', get('alice', "/app/hop.pl", delegate => 1), 'alice');
acts_as('a bare Kerberos token', get('alice', "/app/hop.pl", mech => 'krb5'), 'alice');
like get('alice', '/app_name/env.pl')->{TICKETS}, qr/^FILE:/, 'AuthNegotiateDelegateEnv';
acts_as('the service is written as a principal', get('alice', "/principal/hop.pl"), 'alice');
acts_as("the account's own name is in the keytab", get('alice', "/both/hop.pl"), 'alice');
acts_as("userPrincipalName is the service's name", get('alice', "/upn/hop.pl", target => 'HTTP@upn.ad.example.test'), 'alice');
acts_as('a password', basic('alice', "/password/hop.pl", 'alice'), 'alice');
{
    # an AP-REQ in the second leg, and the completion in the third
    my $gss = initiator_of('alice', dce => 1);
    my $http = connection();
    my $r = $gss->fetch($http, "/app/$hop");
    acts_as('an exchange of two legs', seen($r), 'alice');
}

# --- what is refused ---------------------------------------------------------

refused('an Active Directory does not know services by their names', get('alice', '/own_name/hop.pl'), 500, 'own-name', qr/account:NAME/);
refused('an account with another key', get('alice', '/own_key/hop.pl'), 500, 'keytab', qr/has another key/);
refused('a service that is not permitted', get('alice', '/other/hop.pl'), 403, 'not-permitted', qr/delegation add-service/);
refused('one of two services is not permitted', get('alice', '/several/hop.pl'), 403, 'not-permitted', qr/other\.ad/);
refused('a service that nobody knows', get('alice', '/nowhere/hop.pl'), 500, 'no-service', qr/servicePrincipalName/);
refused('an account that may not delegate', get('alice', '/plain/hop.pl', target => 'HTTP@plain.ad.example.test'), 403, 'not-permitted', qr/AllowedToDelegateTo/);
refused('a user who is sensitive', get('sally', '/app/hop.pl'), 403, 'sensitive', qr/sensitive and cannot be delegated/);
refused('a ticket that is not forwardable', get('alice', '/app/hop.pl', kinit => { forwardable => 0 }), 403, 'not-forwardable', qr/kinit -f/);
refused('a user of another provider', basic('alice', '/file/hop.pl'), 403, 'no-evidence', qr/without a Kerberos ticket/);
{
    $server->log->mark;
    my $t = get('alice', '/optional/hop.pl', target => 'HTTP@plain.ad.example.test');
    is_deeply [ @$t{qw(status REMOTE_USER KRB5CCNAME)} ], [ 200, 'alice@AD.EXAMPLE.TEST', '' ], 'optional: without tickets the request goes on';
    like join("\n", $server->log->ours), qr/goes on \(not-permitted\)/, '... and the log says why';
}

# --- what is kept ------------------------------------------------------------

{
    my $http = connection();
    my $t = seen($http->get("/persist/$hop", Authorization => initiator_of('alice')->authorization));
    acts_as('on a connection', $t, 'alice');
    my $later = seen($http->get("/persist/$hop"));
    acts_as('... it goes on', $later, 'alice');
    is $later->{KRB5CCNAME}, $t->{KRB5CCNAME}, '... with the same ccache';
    is $http->get('/persist/forwarded/env.pl')->status, 401, '... but not where a forwarded ticket is wanted';
    acts_as('another user of the connection', seen($http->get("/persist/$hop", Authorization => initiator_of('bob')->authorization)), 'bob');
    $http->close;
    ok empties(), '... and nothing is left when it is closed';
}
{
    my $r = connection()->get("/session/$hop", Authorization => initiator_of('alice')->authorization);
    my ($cookie) = ($r->header('Set-Cookie'))[0] =~ /^([^;]*)/;
    my $t = seen(connection()->get("/session/$hop", Cookie => $cookie));
    is $t->{NEGOTIATE_SOURCE}, 'session', 'a session';
    acts_as('... acts as its user', $t, 'alice');
    is connection()->get("/app/hop.pl", Cookie => $cookie)->status, 401, '... where sessions are';
}

# Nobody is known for longer than the tickets in his name are good.
{
    my $brief = server(conf => $server->conf =~ s{^Listen.*?</VirtualHost>\n}{}msr, env => { $ad->env, KRB5_CONFIG => $ad->write_krb5_conf("$dir/brief.conf", ticket_lifetime => 300) })->start;
    my $r = http(port => $brief->port)->get("/app/$hop", Authorization => initiator_of('alice')->authorization);
    acts_as('tickets that end in five minutes', seen($r), 'alice');
    $r = http(port => $brief->port)->get('/app/env.pl', Authorization => initiator_of('alice')->authorization);
    cmp_ok $r->env->{GSS_SESSION_EXPIRATION} || time + 9999, '<=', time + 301, '... and with them what is known of her';
    cmp_ok get('alice', '/app/env.pl')->{GSS_SESSION_EXPIRATION}, '>', time + 3000, '... who has a ticket for longer';
    $brief->stop;
}

# --- another module's users --------------------------------------------------

for my $user (qw(alice bob)) {
    acts_as("$user by mod_auth_basic", basic($user, "/basic/$hop"), $user);
}
acts_as('a name with the default realm', basic('alice@AD.EXAMPLE.TEST', "/basic/hop.pl"), 'alice');
acts_as('AuthNegotiateBasicProvider file', basic('alice', "/file_on/$hop"), 'alice');
is basic('alice', '/basic/hop.pl', 'wrong')->{status}, 401, 'who is not authenticated is not impersonated';
refused('a user whom the directory does not know', basic('nobody-there', '/basic/hop.pl'), 403, 'no-account', qr/knows no such user/);
refused('a sensitive user', basic('sally', '/basic/hop.pl'), 403, 'sensitive', qr/sensitive/);
is basic('ALICE', "/basic/$hop")->{status}, 200, 'a user in capitals';
is basic('ALICE', '/basic_behind/env.pl')->{REMOTE_USER}, 'ALICE@AD.EXAMPLE.TEST', '... at the backend';
refused('a name of another realm', basic('alice@OTHER.TEST', '/basic/hop.pl'), 403, 'name', qr/realm/);
refused('a name with a slash', basic('alice/admin', '/basic/hop.pl'), 403, 'name', qr/backslash/);
refused('a name with a backslash', basic('AD\\alice', '/basic/hop.pl'), 403, 'name', qr/backslash/);
refused('a name with a space at its end', basic('alice ', '/basic/hop.pl'), 403, 'name', qr/space/);
refused('a location whose expression names no acceptor', basic('alice', '/basic_acceptor/hop.pl'), 500, 'internal', qr/empty for this request/);
refused('a name with nothing behind the @', basic('alice@', '/basic/hop.pl'), 403, 'name', qr/form/);
refused('a name that no module has authenticated', seen(http(port => $tls_port, tls => 1, ca_file => stage_dir() . '/tls/ca.crt')->get('/basic_open/hop.pl')),
    403, 'name', qr/no module has said/);
is seen(connection()->get('/basic_open/env.pl'))->{status}, 200, '... but nobody is nobody';
refused('an account that may not for any protocol', basic('alice', '/basic_upn/hop.pl'), 403, 'not-permitted', qr/any protocol/);
is_deeply [ @{ basic('nobody-there', '/basic_optional/hop.pl') }{qw(status KRB5CCNAME)} ], [ 200, '' ], 'optional goes on for them, too';
{
    my $body = connection()->get('/pages/parts.shtml', Authorization => 'Basic ' . encode_base64('alice:x', ''))->body;
    my @part = split /^(?:here|off|open):/m, $body;
    like $part[1], qr/^KRB5CCNAME=FILE:/m, 'a part of a page has the tickets';
    unlike $part[$_], qr/KRB5CCNAME/, '... not where that is off' for 2, 3;
    is $part[4] =~ /^(KRB5CCNAME=.*)/m ? $1 : '', $part[1] =~ /^(KRB5CCNAME=.*)/m ? $1 : 'none', '... once for all parts';
    ok wait_until(sub { (my @left = grep { !/session/ } files()) == 0 }, 5), '... and they are gone';
}

# Who can write a .htaccess can say who the users are.
{
    my $page = sub { basic('alice', '/basic_theirs/page.txt') };
    is $page->()->{status}, 200, 'a directory that may have a .htaccess';
    put("$dir/theirs/.htaccess", "AuthUserFile $dir/users\n");
    refused('... which has one: nobody is impersonated', $page->(), 403, 'name', qr/htaccess has a say/);
}

# --- a backend of mod_proxy --------------------------------------------------

is get('alice', '/behind/env.pl')->{REMOTE_USER}, 'alice@AD.EXAMPLE.TEST', 'AuthNegotiateProxyService uses these tickets';
is get('bob', '/behind/env.pl')->{REMOTE_USER}, 'bob@AD.EXAMPLE.TEST', '... of each user';
is basic('alice', '/basic_behind/env.pl')->{REMOTE_USER}, 'alice@AD.EXAMPLE.TEST', '... and of those who are impersonated';
like connection()->get('/basic_behind/env.pl', Authorization => 'Basic ' . encode_base64('alice:x', ''))->header('Cache-Control') || '',
  qr/\bprivate\b/, '... whose pages no shared cache keeps';
is_deeply [ grep { !/session/ } files() ], [], '... from memory';

# --- many at once ------------------------------------------------------------

{
    my @answers = in_parallel(6, sub {
        my ($i) = @_;
        my $user = $i % 2 ? 'bob' : 'alice';
        return join ' ', map { my $t = $_ % 2 ? get($user, "/app/$hop") : basic($user, "/basic/$hop"); ($t->{backend} || '') =~ s/\@.*//r } 1 .. 2;
    });
    is_deeply [ map { ref ? $_->{error} : $_ } @answers ], [ ('alice alice', 'bob bob') x 3 ], 'users at once are not mixed up';
}

# --- our own ticket ----------------------------------------------------------

{
    my @own = own();
    is scalar(@own), 4, 'one ticket of our own for each key and account' or diag "@own";
    my @stat = stat((glob $server->dir . '/negotiate-tickets.*')[0]);
    my ($uid) = (stat "$dir/ccaches")[4];
    is sprintf('%04o %d', $stat[2] & 07777, $stat[4]), "0700 $uid", '... in a directory for the children alone';
}

sub tickets_of { my ($file) = @_; open my $in, '<:raw', $file or return ''; local $/; return scalar <$in> }

{
    my %before = map { $_ => tickets_of($_) } own();
    get('bob', '/both/hop.pl');
    is_deeply { map { $_ => tickets_of($_) } own() }, \%before, '... which is used for all';
    edit_ccache("FILE:$_", start => -3_600_000) for own();
    %before = map { $_ => tickets_of($_) } own();
    acts_as('when nearly all its life has gone', get('bob', '/principal/hop.pl'), 'bob');
    is scalar(grep { tickets_of($_) ne $before{$_} } own()), 1, '... it is renewed';
}

# --- without the KDC ---------------------------------------------------------

my @bob_upn = ('bob', '/upn/hop.pl', target => 'HTTP@upn.ad.example.test');
let_reach_kdc(0);
sleep 1.2;
acts_as('without the KDC, what it has granted is good', get('alice', '/app/hop.pl'), 'alice');
for my $case ([ 12, 200, '' ], [ 16, 503, 'kdc' ]) {
    my ($minutes, @want) = @$case;
    set_clock($minutes * 60);
    my $t = basic('alice', '/basic/env.pl');
    is_deeply [ $t->{status}, $t->{NEGOTIATE_ERROR} || '' ], \@want, "... $minutes minutes later, for who is impersonated: $want[0]";
}
set_clock(0);
refused('... there is nothing new', get(@bob_upn), 503, 'kdc', qr/no KDC answers/);
unlink own();
refused('... and nothing without our own ticket', get(@bob_upn), 503, 'kdc', qr/no KDC answers/);
let_reach_kdc(1);
sleep 1.2;
my @notes = glob $server->dir . '/negotiate-tickets.*/*.failed';
utime undef, undef, @notes;
refused('... and for a while nobody asks', get(@bob_upn), 503, 'kdc', qr/no KDC answers/);
utime time - 20, time - 20, @notes;
acts_as('the KDC is back', get(@bob_upn), 'bob');

# --- graceful restarts, and the end ------------------------------------------

{
    my @own = own();
    ok $server->restart(graceful => 1), 'a graceful restart';
    is_deeply [ own() ], \@own, '... keeps our own tickets';
    acts_as('... and all is well', get('alice', "/app/$hop"), 'alice');
}
is_deeply [ $server->log->crashes ], [], 'nobody died';
note join "\n", $server->log->ours if $ENV{NEG_VERBOSE};
$server->stop;
is_deeply [ glob $server->dir . '/negotiate-tickets.*' ], [], 'the directory goes with the server';

# The next httpd has the same number, as in a container.
{
    my $left_behind = 'mkdir -p "$0.$$/of-a-cgi"; : >"$0.$$/ticket"; exec "$@"';
    my $next = server(dir => "$dir/next", under => [ 'sh', '-c', $left_behind, "$dir/next/negotiate-tickets" ],
        conf => "AuthNegotiateKeytab \@keytab\@\nAuthNegotiateDelegate FILE:$dir/ccaches\nAuthNegotiateS4U2Proxy On HTTP\@www.example.test\n");
    ok $next->try_to_start, 'a directory that cannot be removed does not stop the next start' or diag $next->said;
    my @all = glob "$dir/next/negotiate-tickets.*";    # the new one has a name by chance
    is_deeply [ sort map { join ' ', map { s{.*/}{}r } glob "$_/*" } @all ], [ '', 'of-a-cgi' ], '... and no ticket is left in it' or diag "@all";
    $next->stop;
}

# --- a KDC of MIT's, which permits it to nobody: that takes its LDAP database ---

{
    my $mit = server(conf => <<"CONF")->start;
PassEnv KRB5_CONFIG
ScriptAliasMatch "hop\\.pl\$" "\@stage\@/cgi-bin/hop.pl"
ErrorDocument 403 /public/env.pl
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
AuthNegotiateKeytab \@keytab\@
AuthNegotiateDelegate FILE:$dir/ccaches
AuthNegotiateS4U2Proxy On HTTP\@www.example.test
LogLevel auth_negotiate:debug
<Location "/app">
    AuthType Negotiate
    AuthName mit
    Require valid-user
</Location>
<Location "/basic">
    AuthType Basic
    AuthName mit
    AuthUserFile $dir/users
    AuthNegotiateImpersonate On
    Require valid-user
</Location>
CONF
    my @alice = (Authorization => initiator('alice')->authorization);
    refused('S4U2Proxy', seen(http(port => $mit->port)->get('/app/hop.pl', @alice)), 403, 'not-permitted', qr/does not let HTTP.localhost/);
    for my $case ([ alice => 'not-permitted', qr/www\.example\.test/ ], [ 'nobody-there' => 'no-account', qr/knows no such user/ ]) {
        my ($user, $cause, $why) = @$case;
        my $r = http(port => $mit->port)->get('/basic/hop.pl', Authorization => 'Basic ' . encode_base64("$user:x", ''));
        refused("S4U2Self: $user", seen($r), 403, $cause, $why);
    }
    is_deeply [ $mit->log->crashes ], [], 'nobody died there';
}

done_testing;

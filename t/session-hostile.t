# Sessions under attack: planted cookies, other users of the server, users who log in again and again.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Httpd 'mpm';
use Time::HiRes qw(sleep time);

plan skip_all => 'it is the same with every MPM' if mpm() eq 'prefork';
plan skip_all => 'this httpd has no mod_socache_shmcb' if !-e NegTest::Httpd::apxs('LIBEXECDIR') . '/mod_socache_shmcb.so';

my $server = server(conf => <<"CONF")->start;
    ScriptAliasMatch "^/[^/]+/env\\.pl" "\@stage\@/cgi-bin/env.pl"
    AliasMatch "^/[^/]+/(plain\\.txt)" "\@stage\@/htdocs/\$1"
    AuthNegotiateKeytab "\@keytab\@"
    LogLevel warn auth_negotiate:debug
    AuthNegotiateSessionStore shmcb
    ServerName localhost:80
    <Location "/">
        AuthType Negotiate
        AuthName "one"
        AuthNegotiateSession On
        Require valid-user
    </Location>
    <Location "/open">
        Require all granted
    </Location>
CONF

sub env_of { return "/$_[0]/env.pl" }
sub token  { my ($who, %opt) = @_; return (Authorization => initiator($who, %opt)->authorization) }
sub get    { my ($path, @headers) = @_; return http(port => $server->port)->get($path, @headers) }

sub user {
    my ($r) = @_;
    return 'nothing' if !$r;
    return $r->status if $r->status != 200;
    return $r->env->{REMOTE_USER} || '(none)';
}
sub pair_of { my ($r) = @_; return (($r->header('Set-Cookie'))[0] || '') =~ /^([^;]*)/ ? $1 : '' }
sub login { my ($name, $who, %opt) = @_; return pair_of(get(env_of($name), token($who, %opt))) }
sub seen  { my ($cookie) = @_; return get(env_of('open'), Cookie => $cookie)->env->{HTTP_COOKIE} }
my ($ALICE, $BOB) = map { "$_\@EXAMPLE.TEST" } qw(alice bob);

subtest 'commas in values' => sub {
    my ($alice, $bob) = map { login('a', $_) } qw(alice bob);
    is user(get(env_of('a'), Cookie => "x=1,$alice")), 401, 'behind the comma of another cookie: no session';
    is user(get(env_of('a'), Cookie => "x=1,$alice; $bob")), $BOB, '... nor does it come before one';
    is seen("x=1,$alice"), undef, '... and it is hidden, too';
    is seen('negotiate_00000000=a,__Host-app=evil; other=1'), 'other=1', 'what stands behind a comma becomes no cookie';
    is seen('x=1,negotiate_00000000=z; __Host-csrf=abc; y=2'), '__Host-csrf=abc; y=2', '... and takes no other away';
    my ($name) = $bob =~ /^([^=]+)/;
    is get('/open/plain.txt', Cookie => $bob)->status, 200, 'a session';
    is user(get(env_of('a'), Cookie => 'x=1' . ",$name=" x 64 . "; $bob")), $BOB, '... is not hidden by 64 commas';
};

is_deeply [ $server->log->crashes ], [], 'nobody died';
$server->stop;
done_testing;
